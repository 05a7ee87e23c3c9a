# Each source has the secrets that its provider needs, for whatever sources.yaml says.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "secrets" {
  command = plan

  assert {
    condition = alltrue([
      for name, entry in yamldecode(file("../functions/receiver/sources.yaml")) :
      contains(keys(google_secret_manager_secret.source), name)
      if try(jsondecode(file("providers.json")).providers[entry.provider], { secret = false }) == {} || can(entry.verify.hmac)
    ])
    error_message = "A source of a provider about which there is nothing special has a secret, as has one that verifies an HMAC."
  }

  assert {
    condition = alltrue([
      for name, entry in yamldecode(file("../functions/receiver/sources.yaml")) :
      !contains(keys(google_secret_manager_secret.source), name)
      if try(entry.verify, "") == "none" || !try(jsondecode(file("providers.json")).providers[entry.provider].secret, true)
    ])
    error_message = "A source that proves nothing, or with keys that are published, has none."
  }

  assert {
    condition     = alltrue([for name, secret in google_secret_manager_secret.source : secret.secret_id == "webhook-${name}"])
    error_message = "A secret has the name under which the receiver looks for it."
  }

  assert {
    condition = (
      keys(google_secret_manager_secret_iam_member.receiver) == keys(google_secret_manager_secret.source) &&
      alltrue([for name, grant in google_secret_manager_secret_iam_member.receiver : (
        grant.secret_id == google_secret_manager_secret.source[name].id &&
        grant.role == "roles/secretmanager.secretAccessor" &&
        grant.member == google_service_account.receiver.member
      )])
    )
    error_message = "The receiver may read each of them."
  }

  assert {
    condition = alltrue([for name, grant in google_secret_manager_secret_iam_member.receiver_keeps : (
      contains(["asana", "notion"], yamldecode(file("../functions/receiver/sources.yaml"))[name].provider) &&
      grant.secret_id == google_secret_manager_secret.source[name].id &&
      grant.role == "roles/secretmanager.secretVersionAdder" &&
      grant.member == google_service_account.receiver.member
    )])
    error_message = "The receiver may keep what a sender hands over, and nothing else."
  }

  assert {
    condition     = output.secrets == { for name, secret in google_secret_manager_secret.source : name => "webhook-${name}" }
    error_message = "The output names the secrets that need a value."
  }

  assert {
    condition     = length(google_secret_manager_secret_version.given) == 0
    error_message = "Nothing is written that was not given."
  }
}

run "secrets_that_are_given" {
  command = plan

  variables {
    secret_versions = { for name in keys(run.secrets.secrets) : name => 3 }
    secrets         = { for name in keys(run.secrets.secrets) : name => "a secret" }
  }

  assert {
    condition = (
      keys(google_secret_manager_secret_version.given) == keys(google_secret_manager_secret.source) &&
      alltrue([for name, version in google_secret_manager_secret_version.given : version.secret == google_secret_manager_secret.source[name].id])
    )
    error_message = "Each value is written into the secret of its source."
  }

  assert {
    condition = alltrue([for version in google_secret_manager_secret_version.given : (
      version.secret_data == null && version.secret_data_wo == null && tonumber(version.secret_data_wo_version) == 3
    )])
    error_message = "No value is in the plan: it is written where a higher number asks for it."
  }

  assert {
    condition     = alltrue([for version in google_secret_manager_secret_version.given : version.deletion_policy == "ABANDON"])
    error_message = "The version before stays: a sender may still sign with it."
  }
}
