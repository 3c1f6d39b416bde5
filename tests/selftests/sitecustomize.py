# SPDX-License-Identifier: GPL-2.0-only
"""For the python of the kernel's tests. An emulated machine takes its time, so that programs get ten
times what a test allows them. And iperf3 may hang when a signal meets one of its threads: who was told
to end and does not is killed, and the test goes on with what the NIC has counted."""

import subprocess

communicate = subprocess.Popen.communicate
terminate = subprocess.Popen.terminate


def tell(self):
    self.told_to_end = True
    terminate(self)


def patient(self, input=None, timeout=None):  # the names are subprocess's
    told = hasattr(self, "told_to_end")
    try:
        return communicate(self, input, timeout and (2 if told else 10) * timeout)
    except subprocess.TimeoutExpired:
        if not told:
            raise
        self.kill()
        return communicate(self)


subprocess.Popen.communicate = patient
subprocess.Popen.terminate = tell
