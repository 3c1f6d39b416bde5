# SPDX-License-Identifier: LGPL-2.1-or-later
"""A browser that a test drives: as much of WebDriver as is needed here, over HTTP."""
import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Shift": "\ue008", "Space": " ", "End": "\ue010", "Home": "\ue011",
        "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015"}
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
           "--force-device-scale-factor=1", "--disable-background-networking"]


def eventually(what, seconds=10):
    """What it gives as soon as that is true; an assertion that fails is another attempt."""
    end = time.monotonic() + seconds
    while True:
        try:
            got = what()
            if got or time.monotonic() > end:
                assert got, f"not within {seconds} s"
                return got
        except AssertionError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


class Driver:
    """chromedriver, and the browser sessions in it."""

    def __init__(self, log):
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                self.address = f"http://127.0.0.1:{found[1]}"
                return
        raise RuntimeError("chromedriver does not start")

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.address + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if method == "GET" else json.dumps(body or {}).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Browser:
    def __init__(self, driver):
        self.driver = driver
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": OPTIONS}, "goog:loggingPrefs": {"browser": "ALL"}}
        self.path = "/session/" + driver.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, method, path, body=None):
        return self.driver.call(method, self.path + path, body)

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def enter_frame(self, selector):
        self.call("POST", "/frame", {"id": self.find(selector)})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)[ELEMENT]}/click")

    def press(self, *keys, shift=False):
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        if shift:
            strokes = [{"type": "keyDown", "value": KEYS["Shift"]}, *strokes, {"type": "keyUp", "value": KEYS["Shift"]}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def resize(self, width, height=900):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def text(self, selector="main"):
        """What is seen of it."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def shows(self, words, selector="main", seconds=10):
        def looked():
            seen = self.text(selector)
            assert words in seen, f"'{words}' is not in {seen!r}"
            return True
        return eventually(looked, seconds)

    def picture(self, path, most=100000, scale=1):
        """The page, as high as it is, but for what is more than that."""
        height = min(most, self.run("return document.documentElement.scrollHeight"))
        width = self.run("return innerWidth")
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True,
                             clip={"x": 0, "y": 0, "width": width, "height": height, "scale": scale})
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        """What the browser did not like: scripts that failed, what the content security policy has refused."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def quit(self):
        self.call("DELETE", "")
