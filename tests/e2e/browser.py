"""A headless Chromium that answers over a pipe: no port, no network, no package beyond the browser itself."""
import base64
import json
import os
import shutil
import subprocess

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "headless_shell"])), None)
ANSWER_S = 60


class Browser:
    """One page. What it logs is in `logged`, what it asks the network for in `requested`."""

    def __init__(self, folder):
        read_commands, self._commands = os.pipe()
        answers, write_answers = os.pipe()
        # The browser reads its descriptor 3 and writes 4; the numbers here may be any, those two included.
        command = ["bash", "-c", f'exec 8<&{read_commands} 9>&{write_answers}; exec 3<&8 4>&9 8<&- 9>&-; exec "$@"', "-", BROWSER,
                   "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                   "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
                   f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(["timeout", "-k", "1", "300", *command], pass_fds=[read_commands, write_answers], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": str(folder), "DBUS_SESSION_BUS_ADDRESS": "disabled:"})
        os.close(read_commands)
        os.close(write_answers)
        self._answers, self._rest, self._number, self._session = answers, b"", 0, None
        self.logged, self.requested, self._loaded = [], [], False
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(domain + ".enable")

    def _next(self):
        while b"\0" not in self._rest:
            data = os.read(self._answers, 1 << 20)
            assert data, "the browser ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.logged.append(params)
        elif method == "Page.loadEventFired":
            self._loaded = True

    def call(self, method, **params):
        self._number += 1
        command = {"id": self._number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def open(self, path, width, height=900, dark=False):
        self.logged, self.requested, self._loaded = [], [], False
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not self._loaded:
            self._note(self._next())

    def value_of(self, script):
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def screenshot(self, whole_page=True):
        """PNG bytes"""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole_page)["data"])

    def printed(self):
        """PDF bytes"""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def close(self):
        os.close(self._commands)
        try:
            self.process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(ANSWER_S)
        os.close(self._answers)
