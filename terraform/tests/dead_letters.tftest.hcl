# Dead letters are kept until somebody replays them.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "dead_letters" {
  command = plan

  assert {
    condition = (
      google_pubsub_subscription.dead.topic == google_pubsub_topic.dead.id &&
      google_pubsub_subscription.dead.message_retention_duration == "2678400s" &&
      google_pubsub_subscription.dead.expiration_policy[0].ttl == ""
    )
    error_message = "A dead letter is kept for 31 days, in a subscription that never expires."
  }

  assert {
    condition = (
      length(google_pubsub_subscription.dead.push_config) == 0 &&
      length(google_pubsub_subscription.dead.dead_letter_policy) == 0 &&
      google_pubsub_subscription.dead.filter == null
    )
    error_message = "All dead letters are there, and only a replay takes them."
  }

  assert {
    condition     = google_pubsub_subscription.dead.ack_deadline_seconds == 600
    error_message = "A replay has 10 minutes for what it has pulled."
  }

  assert {
    condition     = google_cloudfunctions2_function.processor.service_config[0].environment_variables["DEAD_LETTER_TOPIC"] == google_pubsub_topic.dead.id
    error_message = "The processor parks in the topic of the dead letters."
  }

  assert {
    condition     = length(google_storage_bucket.dead) + length(google_pubsub_subscription.dead_to_bucket) == 0
    error_message = "There is no bucket that nobody asked for."
  }
}

run "dead_letters_in_a_bucket" {
  command = plan

  variables {
    dead_letter_bucket_days = 365
  }

  assert {
    condition = (
      google_pubsub_subscription.dead_to_bucket[0].topic == google_pubsub_topic.dead.id &&
      google_pubsub_subscription.dead_to_bucket[0].cloud_storage_config[0].bucket == google_storage_bucket.dead[0].name &&
      google_pubsub_subscription.dead_to_bucket[0].cloud_storage_config[0].avro_config[0].write_metadata
    )
    error_message = "Dead letters are written into the bucket, with their attributes."
  }

  assert {
    condition = (
      google_pubsub_subscription.dead_to_bucket[0].message_retention_duration == "2678400s" &&
      google_pubsub_subscription.dead_to_bucket[0].expiration_policy[0].ttl == "" &&
      google_pubsub_subscription.dead_to_bucket[0].retry_policy[0].minimum_backoff == "10s"
    )
    error_message = "What can't be written waits for 31 days."
  }

  assert {
    condition = (
      one(google_storage_bucket.dead[0].lifecycle_rule).condition[*].age == tolist([365]) &&
      one(google_storage_bucket.dead[0].lifecycle_rule).action[*].type == tolist(["Delete"])
    )
    error_message = "The bucket keeps a dead letter for as long as was asked."
  }

  assert {
    condition = (
      google_storage_bucket.dead[0].public_access_prevention == "enforced" &&
      google_storage_bucket.dead[0].uniform_bucket_level_access &&
      !coalesce(google_storage_bucket.dead[0].force_destroy, false)
    )
    error_message = "The bucket is nobody's but yours, and is not deleted with what is in it."
  }

  assert {
    condition     = length(google_pubsub_subscription.processor) == 1 && google_pubsub_subscription.dead.topic == google_pubsub_topic.dead.id
    error_message = "What replay works on is there as before."
  }
}
