from driver.result import Result
def render_html(result: Result) -> str:
    return "<html></html>"
