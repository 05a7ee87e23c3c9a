# The project: what it must have switched on, and the accounts that Google acts under in it.

locals {
  apis = concat(
    ["artifactregistry", "cloudbuild", "cloudfunctions", "firestore", "iam", "logging", "monitoring"],
    ["pubsub", "run", "secretmanager", "storage"],
    var.archive ? ["bigquery"] : [],
    var.balancer == null ? [] : ["compute"],
    var.delivery == "eventarc" ? ["eventarc"] : [],
  )
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "this" {
  for_each = toset(local.apis)

  project            = var.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # something else in the project may use it
}
