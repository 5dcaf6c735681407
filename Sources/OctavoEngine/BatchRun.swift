import OctavoCore
import OctavoGrammar

/// The life of a generation: rows join as there is room, are prefilled and decoded beside each other, and leave as they
/// end.
struct BatchRun {
    let runner: any ModelRunner
    let tokens: any TokenDecoding
    let endTokens: Set<TokenID>
    let structures: StructureLibrary
    let configuration: LocalEngine.Configuration
    let maximumRows: Int
    let control: GenerationControl
    let emit: (GenerationEvent) -> Void
    private let scratch = ScratchPool()
    private var rows: [BatchRow] = []
    private var plan = StepPlan()
    /// Whether the next in line found no room; none comes before a row leaves.
    private var isFull = false
    private var checkpoints = 0
    private var lastCheckpoint = ContinuousClock.now

    init(
        runner: any ModelRunner, tokens: any TokenDecoding, endTokens: Set<TokenID>,
        structures: StructureLibrary, configuration: LocalEngine.Configuration, maximumRows: Int,
        control: GenerationControl,
        emit: @escaping (GenerationEvent) -> Void
    ) {
        self.runner = runner
        self.tokens = tokens
        self.endTokens = endTokens
        self.structures = structures
        self.configuration = configuration
        self.maximumRows = maximumRows
        self.control = control
        self.emit = emit
    }

    /// Runs until every request has ended and none will come, or to the step after `control` stopped it.
    mutating func run() {
        while !control.isStopped {
            dropCancelled()
            admitWaiting()
            if rows.isEmpty {
                guard control.waitForRequests() else { break }
                lastCheckpoint = .now
                continue
            }
            step()
            if isCheckpointDue { checkpoint() }
        }
        if !rows.isEmpty { checkpoint() }
        for row in rows { runner.release(row.sequence) }
    }
}

// MARK: - Joining and leaving

extension BatchRun {
    private mutating func admitWaiting() {
        while rows.count < maximumRows, !isFull, let request = control.takeNext(isIdle: rows.isEmpty) {
            do throws(EngineError) {
                rows.append(try makeRow(for: request))
            } catch .outOfMemory where !rows.isEmpty {
                isFull = true
                control.putBack(request)
            } catch {
                emit(.failed(id: request.id, error))
            }
        }
    }

    private func makeRow(for request: GenerationRequest) throws(EngineError) -> BatchRow {
        let structure: RowStructure? =
            if let asked = request.sampling.structure { try RowStructure(asked, in: structures) } else { nil }
        let sequence = try runner.makeSequence(
            prefix: BatchRow.prefix(of: request), length: request.maximumLength)
        return BatchRow(
            request: request, sequence: sequence, endTokens: endTokens, structure: structure, decoding: tokens)
    }

    private mutating func dropCancelled() {
        let cancelled = control.takeCancelled()
        for id in cancelled.left { emit(.cancelled(id: id)) }
        remove { cancelled.named.contains($0.request.id) ? .cancelled(id: $0.request.id) : nil }
    }

    private mutating func removeFinished() {
        for row in rows {
            if case .finished = row.outcome { emit(.measured(id: row.request.id, row.time)) }
        }
        remove { $0.outcome }
    }

    /// Adds a step to the times of the rows that took part in it.
    private mutating func charge(_ duration: Duration, end: ContinuousClock.Instant) {
        let total = plan.shares.reduce(0) { $0 + $1.tokenCount }
        for share in plan.shares {
            rows[share.row].time.end = end
            rows[share.row].time.share += duration * (Double(share.tokenCount) / Double(max(total, 1)))
        }
    }

    /// Removes the rows that `ending` ends.
    private mutating func remove(_ ending: (BatchRow) -> GenerationEvent?) {
        let count = rows.count
        rows.removeAll { [runner, emit] row in
            guard let event = ending(row) else { return false }
            runner.release(row.sequence)
            emit(event)
            return true
        }
        if rows.count < count { isFull = false }
    }
}

// MARK: - Steps

extension BatchRun {
    private mutating func step() {
        let start = ContinuousClock.now
        makeDrafts()
        planStep()
        let places = plan.places
        var count = 0
        runner.step(plan.rows) { logits in
            read(logits, places[count..<count + logits.count])
            count += logits.count
        }
        // Rows can grow in place only when nobody else holds their tokens.
        plan.rows.removeAll(keepingCapacity: true)
        var statistics = StepStatistics(
            prefillTokens: 0, cachedTokens: plan.cachedTokens, wastedTokens: 0, sampledTokens: 0, activeRows: 0,
            duration: .zero)
        var next = 0
        for index in plan.shares.indices {
            let share = plan.shares[index]
            apply(plan.readings[next..<next + share.logitsCount], of: share, &statistics)
            next += share.logitsCount
        }
        let end = ContinuousClock.now
        statistics.duration = end - start
        charge(statistics.duration, end: end)
        removeFinished()
        statistics.activeRows = rows.count
        emit(.step(statistics))
    }

    /// Takes what a step gave to one row.
    private mutating func apply(
        _ readings: ArraySlice<BatchRow.Reading>, of share: StepPlan.Share, _ statistics: inout StepStatistics
    ) {
        let guessed = rows[share.row].draft.count
        if !rows[share.row].isDecoding { statistics.prefillTokens += share.tokenCount }
        rows[share.row].consume(share.tokenCount - guessed)
        let added = rows[share.row].apply(readings, decoding: tokens)
        statistics.sampledTokens += added
        if guessed > 0 {
            statistics.wastedTokens += 1 + guessed - added
            runner.truncate(rows[share.row].sequence, to: rows[share.row].heldPositions)
        }
    }

    /// Fills a step of few decoding rows up with guesses. Nothing is guessed beside a prompt, whose step is busy, and no
    /// row comes to have more at risk than the next checkpoint may save.
    private mutating func makeDrafts() {
        guard !rows.isEmpty, rows.allSatisfy({ $0.isDecoding }) else { return }
        let room = min(configuration.speculativeTokens, runner.maximumStepTokens, runner.maximumStepLogits)
        let count = room / rows.count - 1
        guard count > 0 else { return }
        for index in rows.indices {
            rows[index].makeDraft(atMost: min(count, checkpointThreshold - rows[index].tokensSinceCheckpoint - 1))
        }
    }

    /// Decoding rows first, so that each advances with every step; then prompts, as far as the step has room. A prompt
    /// whose next positions another row is computing waits for them.
    private mutating func planStep() {
        plan.clear(tokenBudget: runner.maximumStepTokens)
        for index in rows.indices where rows[index].isDecoding { addShare(of: index) }
        for index in rows.indices where !rows[index].isDecoding { addShare(of: index) }
    }

    private mutating func addShare(of index: Int) {
        guard plan.tokenBudget > 0, let held = runner.heldPositions(of: rows[index].sequence) else { return }
        let cached = rows[index].skip(to: held)
        let count = min(rows[index].waitingCount, plan.tokenBudget)
        let logitsCount = rows[index].logitsNeeded(taking: count)
        plan.add(
            StepPlan.Share(row: index, tokenCount: count, logitsCount: logitsCount),
            StepRow(sequence: rows[index].sequence, tokens: rows[index].tokens(count), logitsCount: logitsCount),
            endingAt: rows[index].heldPositions + count)
        plan.cachedTokens += cached
    }

    /// Reads a block of logits, which are those of `places`, on all compute threads.
    private mutating func read(_ logits: borrowing Logits, _ places: ArraySlice<StepPlan.Place>) {
        plan.logits.removeAll(keepingCapacity: true)
        for index in 0..<logits.count { plan.logits.append(logits.row(index)) }
        let (runner, rows, values, scratch, tokens) = (runner, rows, plan.logits, scratch, tokens)
        plan.readings.withUnsafeMutableBufferPointer { readings in
            // Each index is written by exactly one thread, and `parallel` returns after all are.
            nonisolated(unsafe) let readings = readings
            runner.parallel(places.count) { index in
                let place = places[places.startIndex + index]
                readings[places.startIndex + index] = scratch.withScratch { scratch in
                    rows[place.row].read(
                        values[index], position: place.position, decoding: tokens, scratch: scratch)
                }
            }
        }
    }
}

// MARK: - Checkpoints

extension BatchRun {
    /// A checkpoint begins at half of what may be lost, and the next waits until it is durable: so what was generated
    /// since the last durable one never exceeds the whole.
    private var isCheckpointDue: Bool {
        let atRisk = rows.reduce(0) { max($0, $1.tokensSinceCheckpoint) }
        guard atRisk > 0 else { return false }
        return atRisk >= checkpointThreshold
            || ContinuousClock.now - lastCheckpoint >= configuration.checkpointInterval / 2
    }

    /// Tokens at risk at which a checkpoint begins.
    private var checkpointThreshold: Int { max(1, configuration.checkpointTokens / 2) }

    private mutating func checkpoint() {
        control.waitForAcknowledgement(of: checkpoints)
        checkpoints += 1
        var entries: [GenerationCheckpoint.Entry] = []
        for index in rows.indices {
            if let entry = rows[index].takeCheckpointEntry() { entries.append(entry) }
        }
        lastCheckpoint = .now
        emit(.checkpoint(GenerationCheckpoint(number: checkpoints, entries: entries)))
        // One token has no half: the next must not be generated before this one is durable.
        if configuration.checkpointTokens < 2 { control.waitForAcknowledgement(of: checkpoints) }
    }
}
