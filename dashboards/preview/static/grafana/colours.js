// Grafana's colours in both themes: named ones, the classic palette, colour schemes. Pure: no DOM.

// Each hue from its lightest shade to its darkest. The light theme's five shades begin one further than the dark one's.
const HUES = {
  red: ["#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A", "#AD0317"],
  orange: ["#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400", "#E55400"],
  yellow: ["#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400", "#CC9D00"],
  green: ["#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D", "#19730E"],
  blue: ["#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4", "#1250B0"],
  purple: ["#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8", "#7C2EA3"],
};
const SHADES = ["super-light-", "light-", "", "semi-dark-", "dark-"];
const SURFACE = {
  dark: { text: "#CCCCDC", "panel-bg": "#181B1F", transparent: "#00000000" },
  light: { text: "#24292E", "panel-bg": "#FFFFFF", transparent: "#FFFFFF00" },
};
const NAMED = Object.fromEntries(
  ["dark", "light"].map((theme, first) => [
    theme,
    Object.entries(HUES).reduce(
      (found, [hue, shades]) => {
        SHADES.forEach((shade, i) => (found[shade + hue] = shades[i + first]));
        return found;
      },
      { ...SURFACE[theme] },
    ),
  ]),
);
const PALETTE = (
  "green semi-dark-yellow blue orange red purple dark-green dark-yellow dark-blue dark-orange dark-red dark-purple " +
  "super-light-green super-light-yellow super-light-blue super-light-orange super-light-red super-light-purple " +
  "#447EBC #C15C17 #890F02 #0A437C #6D1F62 #584477 #B7DBAB #F4D598 #70DBED #F9BA8F #F29191 #82B5D8 #E5A8E2 #AEA2E0 " +
  "#629E51 #E5AC0E #64B0C8 #E0752D #BF1B00 #0A50A1 #962D82 #614D93 #9AC48A #F2C96D #65C5DB #F9934E #EA6460 #5195CE " +
  "#D683CE #806EB7 #3F6833 #967302 #2F575E #99440A #58140C #052B51 #511749 #3F2B5B #E0F9D7 #FCEACA #CFFAFF #F9E2D2 " +
  "#FCE2DE #BADFF4 #F9D9F9 #DEDAF7"
).split(" ");

// A colour's name, such as "semi-dark-red" or "text", as CSS takes it; hexadecimal and CSS's own names stay.
export function named(name, theme) {
  return NAMED[theme][name] || name;
}

export function classic(index, theme) {
  return named(PALETTE[index % PALETTE.length], theme);
}

const CONTINUOUS = {
  "continuous-GrYlRd": ["green", "yellow", "red"],
  "continuous-RdYlGr": ["red", "yellow", "green"],
  "continuous-BlYlRd": ["dark-blue", "super-light-yellow", "dark-red"],
  "continuous-YlRd": ["super-light-yellow", "dark-red"],
  "continuous-BlPu": ["blue", "purple"],
  "continuous-YlBl": ["super-light-yellow", "dark-blue"],
  "continuous-blues": ["panel-bg", "dark-blue"],
  "continuous-reds": ["panel-bg", "dark-red"],
  "continuous-greens": ["panel-bg", "dark-green"],
  "continuous-purples": ["panel-bg", "dark-purple"],
};

// The colour at `share`, 0 to 1, of a colour mode of fields; null where the mode is not one of colours that run on.
export function continuous(mode, share, theme) {
  const colours = CONTINUOUS[mode];
  return colours ? along(colours.map((name) => named(name, theme)))(share) : null;
}

const bytes = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const asHex = (values) =>
  "#" + values.map((v) => Math.max(0, Math.min(255, Math.round(v))).toString(16).padStart(2, "0")).join("");

// A smooth run through colours: a uniform B-spline in each channel, its ends drawn on.
function along(colours) {
  const points = colours.map(bytes);
  const last = points.length - 1;
  return (share) => {
    const t = Math.max(0, Math.min(1, share));
    const i = Math.min(last - 1, Math.floor(t * last));
    const x = t * last - i;
    return asHex(
      [0, 1, 2].map((channel) => {
        const at = (k) => points[k][channel];
        const before = i > 0 ? at(i - 1) : 2 * at(i) - at(i + 1);
        const after = i < last - 1 ? at(i + 2) : 2 * at(i + 1) - at(i);
        const weights = [(1 - x) ** 3, 4 - 6 * x ** 2 + 3 * x ** 3, 1 + 3 * x + 3 * x ** 2 - 3 * x ** 3, x ** 3];
        return (weights[0] * before + weights[1] * at(i) + weights[2] * at(i + 1) + weights[3] * after) / 6;
      }),
    );
  };
}

// ColorBrewer's ramps (Cynthia Brewer), from light to dark.
const RAMPS = {
  Blues: "f7fbffdeebf7c6dbef9ecae16baed64292c62171b508519c08306b",
  Greens: "f7fcf5e5f5e0c7e9c0a1d99b74c47641ab5d238b45006d2c00441b",
  Greys: "fffffff0f0f0d9d9d9bdbdbd969696737373525252252525000000",
  Oranges: "fff5ebfee6cefdd0a2fdae6bfd8d3cf16913d94801a636037f2704",
  Purples: "fcfbfdefedf5dadaebbcbddc9e9ac8807dba6a51a354278f3f007d",
  Reds: "fff5f0fee0d2fcbba1fc9272fb6a4aef3b2ccb181da50f1567000d",
  BuGn: "f7fcfde5f5f9ccece699d8c966c2a441ae76238b45006d2c00441b",
  BuPu: "f7fcfde0ecf4bfd3e69ebcda8c96c68c6bb188419d810f7c4d004b",
  GnBu: "f7fcf0e0f3dbccebc5a8ddb57bccc44eb3d32b8cbe0868ac084081",
  OrRd: "fff7ecfee8c8fdd49efdbb84fc8d59ef6548d7301fb300007f0000",
  PuBu: "fff7fbece7f2d0d1e6a6bddb74a9cf3690c00570b0045a8d023858",
  RdPu: "fff7f3fde0ddfcc5c0fa9fb5f768a1dd3497ae017e7a017749006a",
  YlGnBu: "ffffd9edf8b1c7e9b47fcdbb41b6c41d91c0225ea8253494081d58",
  YlGn: "ffffe5f7fcb9d9f0a3addd8e78c67941ab5d238443006837004529",
  YlOrBr: "ffffe5fff7bcfee391fec44ffe9929ec7014cc4c02993404662506",
  YlOrRd: "ffffccffeda0fed976feb24cfd8d3cfc4e2ae31a1cbd0026800026",
};
const POLYNOMIALS = {
  Turbo: [
    [34.61, 1172.33, -10793.56, 33300.12, -38394.49, 14825.05],
    [23.31, 557.33, 1225.33, -3574.96, 1073.77, 707.56],
    [27.2, 3211.1, -15327.97, 27814, -22569.18, 6838.66],
  ],
};

// The colours of a heatmap's scheme from its least to its largest value: Grafana turns dark ramps round in its dark
// theme, and Turbo in its light one. Null for a scheme that this page does not have.
export function scheme({ scheme: name = "Spectral", steps = 128, reverse = false }, theme) {
  const run = RAMPS[name] ? along(RAMPS[name].match(/.{6}/g).map((hex) => `#${hex}`)) : null;
  const polynomial = POLYNOMIALS[name];
  if (!run && !polynomial) return null;
  const colour =
    run || ((t) => asHex(polynomial.map((terms) => terms.reduceRight((sum, term) => sum * t + term, 0))));
  const found = Array.from({ length: steps }, (_, i) => colour(i / (steps - 1)));
  return reverse || theme === (run ? "dark" : "light") ? found.reverse() : found;
}
