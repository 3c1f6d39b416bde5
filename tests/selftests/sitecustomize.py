# SPDX-License-Identifier: GPL-2.0-only
"""For the python of the kernel's tests: an emulated machine takes its time, so that programs get ten
times what a test allows them."""

import subprocess

communicate = subprocess.Popen.communicate


def patient(self, input=None, timeout=None):  # the names are subprocess's
    return communicate(self, input, timeout and 10 * timeout)


subprocess.Popen.communicate = patient
