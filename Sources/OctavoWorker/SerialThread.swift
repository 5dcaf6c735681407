import Dispatch

/// An executor of its own for an actor: a serial queue, whose thread no other task can keep busy.
final class SerialThread: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label, qos: .userInitiated) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Runs `body` after a time, without passing by the shared pool.
    func perform(after duration: Duration, _ body: @escaping @Sendable () -> Void) {
        queue.asyncAfter(deadline: .now() + duration / .seconds(1), execute: body)
    }
}
