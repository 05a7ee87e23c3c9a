# The secrets of the sources, one each, without their values: those are nowhere in Terraform's state.

locals {
  # By the name of the source; a second one, for the providers that ask a question first, as `meta_token`.
  secrets = merge(
    { for name, facts in local.facts : name => facts if facts.secret },
    { for name, facts in local.facts : "${name}_token" => merge(facts, { hands_over = false }) if facts.token },
  )
}

resource "google_secret_manager_secret" "source" {
  for_each = local.secrets

  secret_id = "webhook-${each.key}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

# The receiver reads these, and no other secret.
resource "google_secret_manager_secret_iam_member" "receiver" {
  for_each = google_secret_manager_secret.source

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.receiver.member
}

# Some senders hand their secret over when they first call: the receiver keeps it, where there is none yet.
resource "google_secret_manager_secret_iam_member" "receiver_keeps" {
  for_each = { for name, facts in local.secrets : name => facts if facts.hands_over }

  secret_id = google_secret_manager_secret.source[each.key].id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = google_service_account.receiver.member
}

# Where `secrets` gives a value: the attribute is write-only, so that no state and no plan has it.
resource "google_secret_manager_secret_version" "given" {
  for_each = var.secret_versions

  secret                 = google_secret_manager_secret.source[each.key].id
  secret_data_wo         = lookup(var.secrets, each.key, "") # needed for a higher number alone; empty is refused by Google
  secret_data_wo_version = each.value
  deletion_policy        = "ABANDON" # a sender may still sign with what the last version said

  lifecycle {
    create_before_destroy = true
  }
}
