# Plans everything, for tests that look at the plan from outside: tests/terraform/runner.py

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "plan" {
  command = plan
}
