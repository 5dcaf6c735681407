import Synchronization

/// One wait, which can be cut short even before it begins.
final class Pause: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Void, Never>?
        var isOver = false
    }

    private let state = Mutex(State())

    /// Waits for a time, until `end`, or until the task is cancelled, without leaving the caller's executor.
    func wait(
        for duration: Duration, on thread: SerialThread, isolation: isolated (any Actor)? = #isolation
    ) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                begin(continuation)
                thread.perform(after: duration) { self.end() }
            }
        } onCancel: {
            end()
        }
    }

    private func begin(_ continuation: CheckedContinuation<Void, Never>) {
        let isOver = state.withLock { state in
            if !state.isOver { state.continuation = continuation }
            return state.isOver
        }
        if isOver { continuation.resume() }
    }

    /// Ends the wait.
    func end() {
        let continuation = state.withLock { state in
            state.isOver = true
            return state.continuation.take()
        }
        continuation?.resume()
    }
}
