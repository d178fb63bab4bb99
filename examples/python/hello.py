from bottle import route, run


@route("/")
@route("/<name>")
def hello(name="world"):
    return f"hello, {name}\n"


run(host="0.0.0.0", port=8000)
