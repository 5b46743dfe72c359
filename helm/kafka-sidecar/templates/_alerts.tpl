{{/*
Alerts. Each names a cause, or a symptom that users feel; docs/OBSERVABILITY.md has the rules by which Alertmanager lets causes silence
symptoms. None is about a fixed number of records, and none about a quiet topic.
*/}}
{{- define "kafka-sidecar.alerts" -}}
{{- $rules := .Values.alerts.rules -}}
{{- $chosen := printf "{%s}" (include "kafka-sidecar.selector" .) -}}
{{- with $rules.freshnessBudgetBurn }}{{ if .enabled }}
- alert: KafkaSidecarFreshnessBudgetBurn
  expr: |
    {{- include "kafka-sidecar.burn" (dict "chosen" $chosen "bad" "group:sidecar_records_late:ratio_rate" "objective" .objective "windows" .page.windows) | nindent 4 }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "FreshnessBudgetBurn" "rule" .page) | nindent 2 }}
    summary: >-
      {{`Records of group {{ $labels.group }} arrive late, {{ $value | humanizePercentage }} of them`}}
    description: >-
      {{`At this pace the budget of late records is spent within days. /status of a member says why it is behind.`}}
- alert: KafkaSidecarFreshnessBudgetBurn
  expr: |
    {{- include "kafka-sidecar.burn" (dict "chosen" $chosen "bad" "group:sidecar_records_late:ratio_rate" "objective" .objective "windows" .ticket.windows) | nindent 4 }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "FreshnessBudgetBurn" "rule" .ticket) | nindent 2 }}
    summary: >-
      {{`Records of group {{ $labels.group }} arrive late, {{ $value | humanizePercentage }} of them`}}
    description: >-
      {{`At this pace the budget of late records is spent before its time. /status of a member says why it is behind.`}}
{{- end }}{{ end }}
{{- with $rules.lossBudgetBurn }}{{ if .enabled }}
- alert: KafkaSidecarLossBudgetBurn
  expr: |
    {{- include "kafka-sidecar.burn" (dict "chosen" $chosen "bad" "group:sidecar_records_lost:ratio_rate" "objective" .objective "windows" .page.windows) | nindent 4 }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "LossBudgetBurn" "rule" .page) | nindent 2 }}
    summary: >-
      {{`Group {{ $labels.group }} loses {{ $value | humanizePercentage }} of its records`}}
    description: >-
      {{`They were dropped because the application is too slow or refuses them, or Kafka deleted them before they were polled. sidecar_records_dropped_total has the reasons.`}}
{{- end }}{{ end }}
{{- with $rules.partitionBehind }}{{ if .enabled }}
- alert: KafkaSidecarPartitionBehind
  expr: |
    group_topic_partition:sidecar_lag_seconds:max{{ $chosen }} > {{ .warning.seconds }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "PartitionBehind" "rule" .warning) | nindent 2 }}
    summary: >-
      {{`{{ $labels.topic }}[{{ $labels.partition }}] of group {{ $labels.group }} is {{ $value | humanizeDuration }} behind`}}
    description: >-
      {{`The oldest record without an outcome is that old. The verdict of the partition, in /status and in sidecar_verdict, says why.`}}
- alert: KafkaSidecarPartitionBehind
  expr: |
    group_topic_partition:sidecar_lag_seconds:max{{ $chosen }} > {{ .critical.seconds }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "PartitionBehind" "rule" .critical) | nindent 2 }}
    summary: >-
      {{`{{ $labels.topic }}[{{ $labels.partition }}] of group {{ $labels.group }} is {{ $value | humanizeDuration }} behind`}}
    description: >-
      {{`The oldest record without an outcome is that old. The verdict of the partition, in /status and in sidecar_verdict, says why.`}}
{{- end }}{{ end }}
{{- with $rules.partitionStuck }}{{ if .enabled }}
- alert: KafkaSidecarPartitionStuck
  expr: |
    max by (cluster, namespace, group, topic, partition) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" `sidecar_verdict{verdict="stuck"}`) }}
    ) > 0
    or
    (
      max by (cluster, namespace, group, topic, partition) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" `sidecar_verdict{verdict="poison_head"}`) }}
      ) > 0
      unless on (cluster, namespace, group, topic)
      (
        sum by (cluster, namespace, group, topic) (
          {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "increase(sidecar_records_dead_lettered_total[%s])" .window)) }}
        ) > 0
        or
        sum by (cluster, namespace, group, topic) (
          {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_records_dropped_total{reason="poison"}[%s])` .window)) }}
        ) > 0
      )
    )
    or
    (
      group_topic_partition:sidecar_lag_seconds:max{{ $chosen }} - group_topic_partition:sidecar_lag_seconds:max{{ $chosen }} offset {{ .window }}
        > 0.9 * {{ include "kafka-sidecar.seconds" .window }}
      and
      group_topic_partition:sidecar_lag_records:max{{ $chosen }} > 0
      and
      group_topic_partition:sidecar_lag_records:max{{ $chosen }} >= group_topic_partition:sidecar_lag_records:max{{ $chosen }} offset {{ .window }}
      unless on (cluster, namespace, group)
      group:sidecar_known_obstacle:max{{ $chosen }} > 0
    )
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "PartitionStuck" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $labels.topic }}[{{ $labels.partition }}] of group {{ $labels.group }} does not move`}}
    description: >-
      {{`A policy stopped it (poison, offsets out of range), or the first record without an outcome has been the same for the whole window. Its sentence in /status names the offset.`}}
{{- end }}{{ end }}
{{- with $rules.lagNotShrinking }}{{ if .enabled }}
- alert: KafkaSidecarLagNotShrinking
  expr: |
    group:sidecar_lag_seconds:max{{ $chosen }} > {{ .seconds }}
    and
    group:sidecar_lag_seconds:max{{ $chosen }} offset {{ .window }} > {{ .seconds }}
    and
    group:sidecar_lag_seconds:max{{ $chosen }} >= group:sidecar_lag_seconds:max{{ $chosen }} offset {{ .window }}
    unless on (cluster, namespace, group)
    group:sidecar_known_obstacle:max{{ $chosen }} > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "LagNotShrinking" "rule" .) | nindent 2 }}
    summary: >-
      {{`Group {{ $labels.group }} is {{ $value | humanizeDuration }} behind and does not catch up`}}
    description: >-
      {{`What comes in is at least what the application takes: it will not mend itself. The verdicts say whether the application or the number of members is the limit.`}}
{{- end }}{{ end }}
{{- with $rules.unintentionalDrops }}{{ if .enabled }}
- alert: KafkaSidecarUnintentionalDrops
  expr: |
    sum by (cluster, namespace, group, topic, reason) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (include "kafka-sidecar.lost" (dict "root" $ "function" "increase" "window" .window))) }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "UnintentionalDrops" "rule" .) | nindent 2 }}
    summary: >-
      {{`Records of {{ $labels.topic }} are dropped in group {{ $labels.group }}: {{ $labels.reason }}`}}
    description: >-
      {{`About {{ $value | humanize }} records within the window. drop_oldest, drop_newest and max_block mean that the application is too slow; poison that it refused them.`}}
{{- end }}{{ end }}
{{- with $rules.littleKept }}{{ if .enabled }}
- alert: KafkaSidecarLittleKept
  expr: |
    1 -
    sum by (cluster, namespace, group, topic) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_records_dropped_total{intent!=\"diverted\"}[%s])" .window)) }}
    )
    /
    {{- include "kafka-sidecar.ended" (dict "root" $ "window" .window "by" "cluster, namespace, group, topic") | nindent 4 }} < {{ .ratio }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "LittleKept" "rule" .) | nindent 2 }}
    summary: >-
      {{`Of the records of {{ $labels.topic }} in group {{ $labels.group }} only {{ $value | humanizePercentage }} are kept`}}
    description: >-
      {{`Its policy lets the others go: the application takes that much less than what comes. sidecar_records_dropped_total has the reasons, /status/drops the offsets.`}}
{{- end }}{{ end }}
{{- with $rules.flushesAtMaximum }}{{ if .enabled }}
- alert: KafkaSidecarFlushesAtMaximum
  expr: |
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" "(sidecar_flush_concurrency_limit >= sidecar_flush_concurrency_max and sidecar_flush_queued_batches < 0.75)") }}
    )
    and on (cluster, namespace, group)
    group:sidecar_lag_seconds:max{{ $chosen }} > {{ .seconds }}
    and on (cluster, namespace, group)
    group:sidecar_lag_seconds:max{{ $chosen }} >= group:sidecar_lag_seconds:max{{ $chosen }} offset {{ .window }}
    unless on (cluster, namespace, group)
    group:sidecar_known_obstacle:max{{ $chosen }} > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "FlushesAtMaximum" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $labels.pod }} may not run more than {{ $value }} flushes at once, and the group does not catch up`}}
    description: >-
      {{`None of them waits in the application, so it may be good for more: SIDECAR_FLUSH__MAX_IN_FLIGHT is what bounds them. /status/flow has the figures.`}}
{{- end }}{{ end }}
{{- with $rules.fetchedAgain }}{{ if .enabled }}
- alert: KafkaSidecarFetchedAgain
  expr: |
    sum by (cluster, namespace, group) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_refetched_bytes_total[%s])" .window)) }}
    )
    /
    sum by (cluster, namespace, group) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_fetched_bytes_total[%s])" .window)) }}
    ) > {{ .ratio }}
    and
    sum by (cluster, namespace, group) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_refetched_bytes_total[%s])" .window)) }}
    ) > {{ .bytesPerSecond }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "FetchedAgain" "rule" .) | nindent 2 }}
    summary: >-
      {{`Group {{ $labels.group }} throws away {{ $value | humanizePercentage }} of what it fetches, and fetches it again`}}
    description: >-
      {{`Partitions are paused and resumed again and again: the buffer is small for the fetches. Nothing is lost; it costs the brokers and the network.`}}
{{- end }}{{ end }}
{{- with $rules.deadLetterRateHigh }}{{ if .enabled }}
- alert: KafkaSidecarDeadLetterRateHigh
  expr: |
    sum by (cluster, namespace, group, topic) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "rate(sidecar_records_dead_lettered_total[%s])" .window)) }}
    )
    /
    {{- include "kafka-sidecar.ended" (dict "root" $ "window" .window "by" "cluster, namespace, group, topic") | nindent 4 }} > {{ .ratio }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "DeadLetterRateHigh" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $value | humanizePercentage }} of the records of {{ $labels.topic }} in group {{ $labels.group }} go to the dead-letter topic`}}
    description: >-
      {{`The application refuses them. The headers of the dead letters carry its answers.`}}
{{- end }}{{ end }}
{{- with $rules.deadLettersBlocked }}{{ if .enabled }}
- alert: KafkaSidecarDeadLettersBlocked
  expr: |
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" "sidecar_dead_letters_blocked_partitions") }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "DeadLettersBlocked" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $value }} partitions of {{ $labels.pod }} wait for a dead letter that cannot be sent`}}
    description: >-
      {{`dead_letters.trouble in its /status says why: the dead-letter topic does not take it, or too few deliveries have earned it. Nothing is skipped meanwhile.`}}
{{- end }}{{ end }}
{{- with $rules.overflowBlocked }}{{ if .enabled }}
- alert: KafkaSidecarOverflowBlocked
  expr: |
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" "sidecar_overflow_trouble") }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "OverflowBlocked" "rule" .) | nindent 2 }}
    summary: >-
      {{`An overflow topic does not take what {{ $labels.pod }} sends to it`}}
    description: >-
      {{`overflow.trouble in its /status says which one, and why. The partitions that need it wait in Kafka; nothing is lost.`}}
{{- end }}{{ end }}
{{- with $rules.appUnavailable }}{{ if .enabled }}
- alert: KafkaSidecarAppUnavailable
  expr: |
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" `(1 - sidecar_breaker_state{state="closed"})`) }}
      or
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" `(rate(sidecar_hold_seconds_total{reason="app"}[1m]) > bool 0)`) }}
    ) > 0
    or
    sum by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_flush_duration_seconds_count{outcome=~"retriable|systemic"}[%s])` .window)) }}
    ) > 0
    unless
    sum by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_flush_duration_seconds_count{outcome!~"retriable|systemic"}[%s])` .window)) }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "AppUnavailable" "rule" .) | nindent 2 }}
    summary: >-
      {{`The application beside {{ $labels.pod }} takes no records`}}
    description: >-
      {{`It cannot be reached, refuses every batch, or says that it is unhealthy. Nothing is lost: its partitions are held. breaker.reason and flow.last_failure in /status have its answer.`}}
{{- end }}{{ end }}
{{- with $rules.kafkaTrouble }}{{ if .enabled }}
- alert: KafkaSidecarKafkaTrouble
  expr: |
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" "sidecar_kafka_trouble") }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "KafkaTrouble" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $labels.pod }} has trouble with Kafka`}}
    description: >-
      {{`kafka.trouble in its /status says which: brokers out of reach, refused credentials, a topic that is not there. It goes on trying.`}}
{{- end }}{{ end }}
{{- with $rules.rebalanceStorm }}{{ if .enabled }}
- alert: KafkaSidecarRebalanceStorm
  expr: |
    sum by (cluster, namespace, group) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_rebalances_total{kind=~"revoked|lost"}[%s])` .window)) }}
    )
    /
    group:sidecar_members:count{{ $chosen }} > {{ .perMember }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "RebalanceStorm" "rule" .) | nindent 2 }}
    summary: >-
      {{`The partitions of group {{ $labels.group }} change hands again and again`}}
    description: >-
      {{`{{ $value | humanize }} times for each member within the window. Each time flushes are awaited and records are polled again.`}}
{{- end }}{{ end }}
{{- with $rules.commitFailing }}{{ if .enabled }}
- alert: KafkaSidecarCommitFailing
  expr: |
    sum by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_commits_total{result="failed"}[%s])` .window)) }}
    ) > 0
    unless
    sum by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_commits_total{result="ok"}[%s])` .window)) }}
    ) > 0
    unless
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "max_over_time(sidecar_kafka_trouble[%s])" .window)) }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "CommitFailing" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $labels.pod }} delivers records but cannot commit their offsets`}}
    description: >-
      {{`No commit has succeeded within the window. After a restart everything since the last one is delivered again. The log line commit.failed has Kafka's answer.`}}
{{- end }}{{ end }}
{{- with $rules.drainTimedOut }}{{ if .enabled }}
- alert: KafkaSidecarDrainTimedOut
  expr: |
    sum by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf `increase(sidecar_drains_total{result="expired"}[%s])` .window)) }}
    ) > 0
    or
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" `(sidecar_drain_duration_seconds / sidecar_drain_timeout_seconds)`) }}
      and on (job, instance)
      changes(sidecar_drain_duration_seconds[{{ .window }}]) > 0
    ) > {{ .ratio }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "DrainTimedOut" "rule" .) | nindent 2 }}
    summary: >-
      {{`The drain of {{ $labels.pod }} ran out of time, or nearly`}}
    description: >-
      {{`What was not flushed is not committed and will be delivered by the partition's next owner. Give the drain more time, and the pod's grace period with it, or make the application faster.`}}
{{- end }}{{ end }}
{{- with $rules.down }}{{ if .enabled }}
- alert: KafkaSidecarDown
  expr: |
    up{ {{- $.Values.alerts.targets | default (printf `container="kafka-sidecar", namespace="%s"` $.Release.Namespace) -}} } == 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "Down" "rule" .) | nindent 2 }}
    summary: >-
      {{`The sidecar in {{ $labels.pod }} does not answer Prometheus`}}
    description: >-
      {{`Its lag is unknown, which is not zero.`}}
{{- end }}{{ end }}
{{- with $rules.absent }}{{ if .enabled }}
- alert: KafkaSidecarAbsent
  expr: |
    max_over_time(group:sidecar_members:count{{ $chosen }}[{{ .memory }}])
    unless on (cluster, namespace, group)
    group:sidecar_members:count{{ $chosen }}
    {{- range $.Values.alerts.expectedGroups }}
    or
    absent(group:sidecar_members:count{group="{{ . }}", {{ include "kafka-sidecar.selector" $ }}})
    {{- end }}
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "Absent" "rule" .) | nindent 2 }}
    summary: >-
      {{`No sidecar of group {{ $labels.group }} is there`}}
    description: >-
      {{`Nobody consumes its topics, as far as Prometheus knows: the lag is unknown, which is not zero.`}}
{{- end }}{{ end }}
{{- with $rules.configDrift }}{{ if .enabled }}
- alert: KafkaSidecarConfigDrift
  expr: |
    count by (cluster, namespace, group) (
      count by (cluster, namespace, group, hash) (
        {{ include "kafka-sidecar.of" (dict "root" $ "expr" "sidecar_config_info") }}
      )
    ) > 1
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "ConfigDrift" "rule" .) | nindent 2 }}
    summary: >-
      {{`Members of group {{ $labels.group }} have {{ $value }} different configurations`}}
    description: >-
      {{`A rollout has got stuck, or two deployments use one group. The label hash of sidecar_config_info tells the members apart.`}}
{{- end }}{{ end }}
{{- with $rules.booksUnbalanced }}{{ if .enabled }}
- alert: KafkaSidecarBooksUnbalanced
  expr: |
    max by (cluster, namespace, group, pod, instance) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" "abs(sidecar_unaccounted_records)") }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "BooksUnbalanced" "rule" .) | nindent 2 }}
    summary: >-
      {{`{{ $labels.pod }} has lost sight of {{ $value }} records`}}
    description: >-
      {{`This is a defect of the sidecar. Keep its log and its /status, and report it.`}}
{{- end }}{{ end }}
{{- with $rules.offsetsMissed }}{{ if .enabled }}
- alert: KafkaSidecarOffsetsMissed
  expr: |
    sum by (cluster, namespace, group, topic) (
      {{ include "kafka-sidecar.of" (dict "root" $ "expr" (printf "increase(sidecar_missed_offsets_total[%s])" .window)) }}
    ) > 0
  {{- include "kafka-sidecar.alert" (dict "root" $ "name" "OffsetsMissed" "rule" .) | nindent 2 }}
    summary: >-
      {{`Kafka deleted records of {{ $labels.topic }} before group {{ $labels.group }} had polled them`}}
    description: >-
      {{`About {{ $value | humanize }} offsets: the group was further behind than the topic's retention.`}}
{{- end }}{{ end }}
{{- end -}}
