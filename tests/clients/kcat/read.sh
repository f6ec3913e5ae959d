#!/bin/sh
# Prints touchpoints and deliveries, of a product that writes JSON, as JSON lines: each payload is a text in them.
for topic in touchpoints deliveries; do
  kcat -C -J -e -q -b "$BROKERS" -o beginning -t "${TOPIC_PREFIX}afterglow.$topic.v1" || exit
done
