"""Faults that one request, or none, is enough for: each is shown by tests of its own."""

PROCESSOR, RECEIVER = "tests/processor", "tests/receiver"
# The number, the fault in words, and the tests.
SINGLE = [
    (
        "F16",
        "kill -9 after the claim, after the effect, after the record",
        [f"{PROCESSOR}/test_once.py::test_kill_9"],
    ),
    (
        "F17",
        "a handler outlives its deadline, and its lease",
        [
            f"{PROCESSOR}/test_process.py::test_no_handler_starts_after_the_deadline",
            f"{PROCESSOR}/test_once.py::test_a_handler_that_outlives_its_lease_runs_beside_its_heir_and_completes_nothing",
        ],
    ),
    (
        "F22",
        "500 deliveries of one event at once",
        [f"{PROCESSOR}/test_once.py::test_five_hundred_deliveries_at_once_have_one_effect"],
    ),
    (
        "F23",
        "two events of one thing in the wrong order",
        ["tests/test_contract.py::test_of_two_events_that_arrive_swapped_the_newer_is_known"],
    ),
    (
        "F27",
        "the disk of the local queue is full",
        ["tests/test_broker.py::test_a_full_disk_refuses_and_loses_nothing"],
    ),
    (
        "F28",
        "the files of the local queue and ledger are damaged, or in use",
        [
            "tests/test_broker.py::test_a_file_that_is_not_a_queue_is_refused_and_left_alone",
            "tests/test_broker.py::test_a_second_broker_on_the_same_file_does_not_start",
            f"{PROCESSOR}/test_ledger.py::test_a_ledger_out_of_order_says_so_in_less_than_four_seconds",
        ],
    ),
    (
        "F29",
        "an event that no attempt can do",
        [
            f"{PROCESSOR}/test_parking.py::test_the_last_attempt_parks_the_event_with_its_last_error",
            "tests/test_storm.py",
        ],
    ),
    (
        "F30",
        "pushes of no known shape",
        [
            f"{PROCESSOR}/test_process.py::test_a_malformed_push_is_400_and_runs_nothing",
            f"{PROCESSOR}/test_process.py::test_a_body_that_is_cut_off_or_disguised_is_400",
            f"{PROCESSOR}/test_message.py::test_any_other_shape_is_malformed",
        ],
    ),
    (
        "F32",
        "clocks that differ",
        [
            f"{PROCESSOR}/test_firestore.py::test_a_lease_ends_by_the_clock_of_the_server_whatever_ours_says",
            f"{RECEIVER}/test_http.py::test_an_event_of_another_time_is_refused",
        ],
    ),
    (
        "F33",
        "forks, whatever gRPC thinks of them",
        [
            f"{RECEIVER}/test_traps.py::test_the_first_request_after_a_start_is_answered_whatever_grpc_thinks_of_forks",
            f"{RECEIVER}/test_traps.py::test_a_worker_that_is_killed_comes_back_and_keeps_what_it_answered",
        ],
    ),
    ("F36", "our own code, with a flaw", ["tests/test_mutants.py"]),
]
