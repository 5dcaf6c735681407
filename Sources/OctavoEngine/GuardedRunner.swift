import Dispatch
public import OctavoCore
import Synchronization

/// Watches a runner for what no request is to blame for: a step that never ends, and arithmetic that gives no numbers.
///
/// Neither can be mended from within. Who owns the process is told, and should end it: its requests go to other
/// workers, who find out which of them, if any, it was.
public final class GuardedRunner: ModelRunner {
    /// What is wrong with a runner.
    public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// A step has taken longer than its limit.
        case stalled(limit: Duration)
        /// Logits of a harmless prompt are not finite.
        case unsound

        /// What happened and what to do.
        public var description: String {
            switch self {
            case .stalled(let limit):
                "the engine has made no step for \(limit.components.seconds) s; if steps can take so long, allow them more"
            case .unsound:
                "the engine computes no finite numbers, even for a harmless prompt: check this machine's memory, "
                    + "and the model's files"
            }
        }
    }

    /// The step under way, and for how many looks of the watchdog it has been.
    private struct Watch {
        var step = 0
        var isInStep = false
        var lastSeen = 0
        var looks = 0
    }

    /// After how many looks a step is too long. The looks are counted, not the time, which also passes while the whole
    /// process stands still: stopped by a signal, or on a machine that sleeps.
    private static let looksPerLimit = 10

    private let runner: any ModelRunner
    private let stepLimit: Duration
    private let onFailure: @Sendable (Failure) -> Void
    private let watch = Mutex(Watch())
    private let watchdog = DispatchQueue(label: "octavo.watchdog", qos: .userInitiated)

    /// Guards a runner.
    ///
    /// - Parameter stepLimit: how long a step may take.
    /// - Parameter onFailure: is called from any thread, perhaps several times.
    public init(
        _ runner: any ModelRunner, stepLimit: Duration, onFailure: @escaping @Sendable (Failure) -> Void
    ) {
        self.runner = runner
        self.stepLimit = stepLimit
        self.onFailure = onFailure
        lookLater()
    }

    /// Computes a short prompt.
    ///
    /// - Throws: `.unsound` when its logits are not finite. A cache without room proves nothing.
    public func test() throws(Failure) {
        let tokens = (0..<min(8, vocabularySize)).map { TokenID($0) }
        guard let sequence = try? runner.makeSequence(prefix: [], length: tokens.count) else { return }
        defer { runner.release(sequence) }
        var isSound = true
        runner.step([StepRow(sequence: sequence, tokens: tokens[...], logitsCount: 1)]) { logits in
            isSound = Self.areFinite(logits)
        }
        guard isSound else { throw .unsound }
    }

    private static func areFinite(_ logits: borrowing Logits) -> Bool {
        for index in 0..<logits.count where logits.row(index).largest == nil { return false }
        return true
    }

    private func lookLater() {
        let interval = stepLimit / Self.looksPerLimit / .seconds(1)
        watchdog.asyncAfter(deadline: .now() + interval) { [weak self] in
            self?.look()
            self?.lookLater()
        }
    }

    private func look() {
        let isTooLong = watch.withLock { watch in
            let isSame = watch.isInStep && watch.step == watch.lastSeen
            watch.looks = isSame ? watch.looks + 1 : 0
            watch.lastSeen = watch.step
            return watch.looks >= Self.looksPerLimit
        }
        if isTooLong { onFailure(.stalled(limit: stepLimit)) }
    }
}

// MARK: - The runner

extension GuardedRunner {
    /// The runner's.
    public var vocabularySize: Int { runner.vocabularySize }
    /// The runner's.
    public var contextLength: Int { runner.contextLength }
    /// The runner's.
    public var maximumStepTokens: Int { runner.maximumStepTokens }
    /// The runner's.
    public var maximumStepLogits: Int { runner.maximumStepLogits }
    /// The runner's.
    public var maximumPositions: Int { runner.maximumPositions }
    /// The runner's.
    public var blockLength: Int { runner.blockLength }

    /// Reserves room with the runner.
    public func makeSequence(prefix: ArraySlice<TokenID>, length: Int) throws(EngineError) -> SequenceID {
        try runner.makeSequence(prefix: prefix, length: length)
    }

    /// The runner's.
    public func heldPositions(of sequence: SequenceID) -> Int? { runner.heldPositions(of: sequence) }

    /// Has the runner forget.
    public func truncate(_ sequence: SequenceID, to length: Int) { runner.truncate(sequence, to: length) }

    /// Gives the room back.
    public func release(_ sequence: SequenceID) { runner.release(sequence) }

    /// Calls `body` on the runner's threads.
    public func parallel(_ count: Int, _ body: @Sendable (Int) -> Void) { runner.parallel(count, body) }

    /// Computes a step, watched. If logits are not finite, a harmless prompt tells whether the request or the runner is to
    /// blame.
    public func step(_ rows: [StepRow], _ body: (borrowing Logits) throws -> Void) rethrows {
        watch.withLock { watch in
            watch.step += 1
            watch.isInStep = true
        }
        defer { watch.withLock { $0.isInStep = false } }
        var areFinite = true
        try runner.step(rows) { logits in
            areFinite = areFinite && Self.areFinite(logits)
            try body(logits)
        }
        if !areFinite {
            do { try test() } catch { onFailure(error) }
        }
    }
}
