"""HTML as a test asks for it: which tags, which attributes, which texts."""

from html.parser import HTMLParser


class Markup(HTMLParser):
    """`tags` in their order, `attributes` as (name, value) of all tags, `texts` between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)
