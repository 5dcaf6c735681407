/// How the phases of a step run: one after the other, each on all threads.
///
/// Usually every thread goes through the whole step, and meets the others after each phase. Where someone watches a step
/// and may want the threads meanwhile, only the caller goes through it, and hands each phase to the threads.
struct StepPhases: Sendable {
    private let threads: ComputeThreads
    /// The thread that goes through the step, if all do.
    private let thread: Int?

    /// Phases that the caller hands to the threads, to be used outside of `ComputeThreads.run`.
    init(handingTo threads: ComputeThreads) {
        self.threads = threads
        thread = nil
    }

    private init(_ threads: ComputeThreads, thread: Int) {
        self.threads = threads
        self.thread = thread
    }

    /// Runs `step` on every thread.
    static func onEveryThread(_ threads: ComputeThreads, _ step: @Sendable (StepPhases) -> Void) {
        threads.run { step(StepPhases(threads, thread: $0)) }
    }

    /// Runs `body` once on every thread, with the thread's index; afterwards all read what each wrote.
    func run(_ body: @Sendable (_ thread: Int) -> Void) {
        guard let thread else { return threads.run(body) }
        body(thread)
        threads.barrier()
    }

    /// Runs `body` for every item below `items`, with the one that the thread has next; a thread that is free takes another.
    func run(items: Int, _ body: @Sendable (_ thread: Int, _ item: Int, _ next: Int?) -> Void) {
        run { thread in threads.takeItems(items) { body(thread, $0, $1) } }
    }
}
