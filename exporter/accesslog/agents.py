"""Kinds of clients by their `User-Agent`. Pure.

A client can send any text there: the kinds are for statistics, not for access control.
"""

import re

_PROBE = re.compile(
    r"kube-probe|googlehc|elb-healthchecker|healthcheck|health-check|health checker|uptime|pingdom|blackbox|prometheus"
    r"|zabbix|nagios|check_http|monitoring|statuscake|site24x7|newrelicpinger|datadog|haproxy|consul|envoy/hc|updown\.io"
    r"|better ?stack|checkly|freshping|hetrixtools|catchpoint|gomez|dynatrace|synthetic"
)
_BOT = re.compile(
    r"(?<!cu)bot\b|bot[/_;-]|crawl|spider|slurp|scrap|archiver|facebookexternalhit|facebookcatalog|mediapartners|feedfetcher"
    r"|feedly|bingpreview|google-|googleother|apis-google|yandex|baidu|duckduck|petal|semrush|ahrefs|mj12|censys|zgrab"
    r"|masscan|nmap|nikto|sqlmap|nuclei|whatsapp|telegram|slack|discord|twitter|linkedin|embedly|preview|lighthouse"
    r"|validator|gptbot|claude|anthropic|perplexity|openai|ccbot|bytespider|headless"
)
_LIBRARY = re.compile(
    r"(?:curl|wget|libcurl|python|aiohttp|httpx|requests|urllib|go-http-client|go-resty|java|okhttp|apache-httpclient"
    r"|jersey|jakarta|axios|node|undici|got\b|superagent|ruby|faraday|rest-client|typhoeus|perl|libwww|lwp|php|guzzle"
    r"|symfony|dart|reqwest|hyper|ureq|rust|powershell|postman|insomnia|httpie|apachebench|wrk|k6|vegeta|hey/|siege"
    r"|jmeter|locust|gatling|dotnet|restsharp|alamofire|cfnetwork|dalvik|winhttp|http_request2?|mojolicious|finagle"
    r"|grpc|aws-sdk|aws-cli|boto|git/|docker|containerd|helm|apt|debian apt|yum|dnf|pip|npm|yarn|maven|gradle|composer)"
)
_BROWSER = re.compile(r"(?:mozilla|opera)/")


def agent(text: str) -> str:
    """`browser`, `bot`, `probe`, `library`, or `other`."""
    small = text[:1000].lower()
    if _PROBE.search(small):
        return "probe"
    if _BOT.search(small):
        return "bot"
    if _LIBRARY.match(small):
        return "library"
    return "browser" if _BROWSER.match(small) else "other"
