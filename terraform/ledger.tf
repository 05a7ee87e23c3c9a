# The ledger: which events are done. A document an event, for longer than queue and dead letters together keep one.

locals {
  ledger_fields = ["expires", "fence", "finished", "lease", "owner", "replay", "state"]
  database      = var.firestore == "create" ? google_firestore_database.ledger[0].name : var.database
}

resource "google_firestore_database" "ledger" {
  count = var.firestore == "create" ? 1 : 0

  name            = var.database
  location_id     = var.region
  type            = "FIRESTORE_NATIVE"
  deletion_policy = "DELETE"

  depends_on = [google_project_service.this]
}

# It is only ever asked for one document by its name: an index of a field would be paid for at each write.
resource "google_firestore_field" "ledger" {
  for_each = toset(local.ledger_fields)

  database   = local.database
  collection = "webhook-events"
  field      = each.key

  index_config {}

  dynamic "ttl_config" {
    for_each = each.key == "expires" ? [1] : [] # the processor writes 45 days into it
    content {}
  }

  depends_on = [google_project_service.this]
}
