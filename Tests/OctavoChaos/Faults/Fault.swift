import OctavoTestSupport

/// Something that may happen to Octavo, and that it must survive.
struct Fault: Sendable {
    /// What it is asked for by.
    let name: String
    /// What happens, in a sentence.
    let summary: String
    /// Whether it is quick enough for the test suite.
    var isFast = false
    /// Whether it can strike beside others, any number of times: it needs workers that are under way, and leaves the
    /// world as it found it.
    var isComposable = false
    /// Whether it harms the server, and so every other trial.
    var isSolitary = false
    /// What the workers have to do.
    var workload: Workload
    var pace: Pace
    /// What runs as a worker, if not what was asked for.
    var program: WorkerProgram?
    /// How many workers are at work when the fault strikes; 0 if the fault itself loads the work and starts them.
    var workers = 3
    /// With what the workers are run, in surroundings of their own.
    var prefix: [String] = []
    /// Attempts that the fault may burn.
    var burnedAttempts = 0
    /// Whether at most one checkpoint's tokens per row of a killed worker may be computed again.
    var boundsRecomputing = false
    /// Whether requests may be missing from the export, because their batch was cancelled.
    var isPartial = false
    /// How long the work may take after the fault.
    var patience = Duration.seconds(300)
    /// Why it cannot run here; nil if it can.
    var obstacle: @Sendable (Surroundings) -> String? = { _ in nil }
    /// Makes it happen.
    let strike: @Sendable (Trial) async throws -> Void

    init(
        _ name: String, _ summary: String, workload: Workload = Workload(), pace: Pace = Pace(),
        configure: (inout Fault) -> Void = { _ in }, strike: @escaping @Sendable (Trial) async throws -> Void
    ) {
        self.name = name
        self.summary = summary
        self.workload = workload
        self.pace = pace
        self.strike = strike
        configure(&self)
    }

    /// All faults, in the order in which they are listed.
    static let all: [Fault] =
        processFaults + poisonFaults + serverFaults + diskFaults + networkFaults + hostFaults + queueFaults

    /// The fault of a name.
    static func named(_ name: String) -> Fault? { (all + sabotages).first { $0.name == name } }
}

/// What a fault can count on.
struct Surroundings: Sendable {
    /// What was asked for with `--model`.
    var program: WorkerProgram
}
