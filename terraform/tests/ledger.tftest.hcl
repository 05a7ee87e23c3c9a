# The ledger: a database of its own or an existing one, which forgets by itself.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "a_new_database" {
  command = plan

  assert {
    condition = (
      google_firestore_database.ledger[0].name == "webhooks" &&
      google_firestore_database.ledger[0].type == "FIRESTORE_NATIVE" &&
      google_firestore_database.ledger[0].location_id == "europe-west1"
    )
    error_message = "The ledger has a database of its own, beside the functions."
  }

  assert {
    condition     = [for field in google_firestore_field.ledger : field.field if length(field.ttl_config) == 1] == ["expires"]
    error_message = "A document is forgotten at the time in `expires`."
  }

  assert {
    condition     = alltrue([for field in google_firestore_field.ledger : length(field.index_config) == 1 && try(length(field.index_config[0].indexes), 0) == 0])
    error_message = "No field has an index: each would be paid for at each write."
  }

  assert {
    condition     = alltrue([for field in google_firestore_field.ledger : field.database == "webhooks" && field.collection == "webhook-events"])
    error_message = "The fields are those of the ledger's documents."
  }
}

run "an_existing_database" {
  command = plan

  variables {
    database  = "(default)"
    firestore = "existing"
  }

  assert {
    condition     = length(google_firestore_database.ledger) == 0
    error_message = "The database that is there already is not made."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.service_config[0].environment_variables["FIRESTORE_DATABASE"] == "(default)" &&
      alltrue([for field in google_firestore_field.ledger : field.database == "(default)"])
    )
    error_message = "The ledger is in the database that was named."
  }

  assert {
    condition     = google_project_iam_member.processor_ledger.condition[0].expression == "resource.name == \"projects/a-project/databases/(default)\""
    error_message = "The processor writes into that database, and no other."
  }
}
