import signal
import threading
import time

import pytest

from nsindy.runtime.stopping import stop_softly


def test_the_first_interrupt_is_noted_and_the_second_interrupts(capsys):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_softly("ending") as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        signal.raise_signal(signal.SIGINT)
    assert capsys.readouterr().err == "ending\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_time_runs_out():
    with stop_softly("", seconds=0.05) as stop:
        assert not stop()
        time.sleep(0.06)
        assert stop()


def test_elsewhere_than_in_the_main_thread_only_the_time_counts():
    told = []

    def work():
        with stop_softly("", seconds=1e-9) as stop:
            time.sleep(0.001)
            told.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [True]
