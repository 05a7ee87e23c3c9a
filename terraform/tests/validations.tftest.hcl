# What may not be set is refused, and says why; what is just allowed is not.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "the_least_and_the_most" {
  command = plan

  variables {
    archive_days            = 1
    balancer                = { domains = [for number in range(15) : "hooks-${number}.example.com"], requests_per_minute = 1 }
    dead_letter_bucket_days = 32
    processor               = { concurrency = 2, memory = 288, max_instances = 1, min_instances = 1, runtime = "python311", timeout = 540 }
    receiver                = { concurrency = 2, memory = 656, max_instances = 1, min_instances = 1, runtime = "python312" }
  }

  assert {
    condition     = google_cloudfunctions2_function.processor.service_config[0].timeout_seconds == 540
    error_message = "What is just allowed is planned."
  }
}

run "archive_for_no_day" {
  command = plan

  variables {
    archive_days = 0
  }

  expect_failures = [var.archive_days]
}

run "archive_for_half_a_day" {
  command = plan

  variables {
    archive_days = 1.5
  }

  expect_failures = [var.archive_days]
}

run "balancer_without_a_domain" {
  command = plan

  variables {
    balancer = { domains = [] }
  }

  expect_failures = [var.balancer]
}

run "balancer_with_more_domains_than_it_has_certificates" {
  command = plan

  variables {
    balancer = { domains = [for number in range(16) : "hooks-${number}.example.com"] }
  }

  expect_failures = [var.balancer]
}

run "balancer_that_lets_nobody_in" {
  command = plan

  variables {
    balancer = { domains = ["hooks.example.com"], requests_per_minute = 0 }
  }

  expect_failures = [var.balancer]
}

run "dead_letters_in_a_bucket_for_less_than_in_the_queue" {
  command = plan

  variables {
    dead_letter_bucket_days = 31
  }

  expect_failures = [var.dead_letter_bucket_days]
}

run "delivery_that_is_not_known" {
  command = plan

  variables {
    delivery = "pull"
  }

  expect_failures = [var.delivery]
}

run "firestore_that_is_neither" {
  command = plan

  variables {
    firestore = "none"
  }

  expect_failures = [var.firestore]
}

run "handler_without_time" {
  command = plan

  variables {
    processor = { timeout = 0 }
  }

  expect_failures = [var.processor]
}

run "handler_that_outlives_its_lease" {
  command = plan

  variables {
    processor = { timeout = 541 }
  }

  expect_failures = [var.processor]
}

run "processor_with_one_thread" {
  command = plan

  variables {
    processor = { concurrency = 1 }
  }

  expect_failures = [var.processor]
}

run "processor_with_half_a_cpu" {
  command = plan

  variables {
    processor = { cpu = 0.5 }
  }

  expect_failures = [var.processor]
}

run "processor_without_memory_for_its_events" {
  command = plan

  variables {
    processor = { memory = 959 }
  }

  expect_failures = [var.processor]
}

run "processor_with_fewer_than_no_instances" {
  command = plan

  variables {
    processor = { min_instances = -1 }
  }

  expect_failures = [var.processor]
}

run "processor_with_more_instances_than_the_most" {
  command = plan

  variables {
    processor = { max_instances = 1, min_instances = 2 }
  }

  expect_failures = [var.processor]
}

run "processor_with_an_old_python" {
  command = plan

  variables {
    processor = { runtime = "python310" }
  }

  expect_failures = [var.processor]
}

run "processor_with_a_variable_set_twice" {
  command = plan

  variables {
    processor = { environment = { CRM_KEY = "plain" }, secrets = { CRM_KEY = "crm-key" } }
  }

  expect_failures = [var.processor]
}

run "receiver_with_one_thread" {
  command = plan

  variables {
    receiver = { concurrency = 1 }
  }

  expect_failures = [var.receiver]
}

run "receiver_with_half_a_cpu" {
  command = plan

  variables {
    receiver = { cpu = 0.5 }
  }

  expect_failures = [var.receiver]
}

run "receiver_without_memory_for_its_bodies" {
  command = plan

  variables {
    receiver = { memory = 1279 }
  }

  expect_failures = [var.receiver]
}

run "receiver_with_fewer_than_no_instances" {
  command = plan

  variables {
    receiver = { min_instances = -1 }
  }

  expect_failures = [var.receiver]
}

run "receiver_with_more_instances_than_the_most" {
  command = plan

  variables {
    receiver = { max_instances = 1, min_instances = 2 }
  }

  expect_failures = [var.receiver]
}

run "receiver_with_an_old_python" {
  command = plan

  variables {
    receiver = { runtime = "python310" }
  }

  expect_failures = [var.receiver]
}

run "receiver_with_a_variable_that_is_set_here" {
  command = plan

  variables {
    receiver = { environment = { KEYS = "env" } }
  }

  expect_failures = [var.receiver]
}

run "secret_of_no_source" {
  command = plan

  variables {
    secret_versions = { "no-such-source" = 1 }
    secrets         = { "no-such-source" = "a secret" }
  }

  expect_failures = [var.secret_versions]
}
