import Dispatch
import Foundation
import Synchronization

/// Turns SIGINT and SIGTERM into one orderly stop; the second signal ends the process at once, and so does the first when
/// there is nothing to be stopped in order.
final class SignalTrap: Sendable {
    /// Calls `onFirst` at the first signal, until the trap is gone. There is one trap at a time.
    init(_ onFirst: @escaping @Sendable () -> Void) { SignalReceiver.shared.setHandler(onFirst) }

    deinit { SignalReceiver.shared.setHandler(nil) }

    /// Runs `body` in a task that the first signal cancels.
    static func cancelling<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws
        -> Result
    {
        let task = Task { try await body() }
        let trap = SignalTrap { task.cancel() }
        defer { extendLifetime(trap) }
        return try await task.value
    }
}

/// Receives the signals of the process from the first trap on: Dispatch on Linux does not deliver a signal to a source
/// made after another for the same signal was cancelled.
private final class SignalReceiver: @unchecked Sendable {
    static let shared = SignalReceiver()

    // Only ever kept.
    private let sources: [any DispatchSourceSignal]
    private let handler: HandlerBox

    private init() {
        let queue = DispatchQueue(label: "octavo.signals")
        let handler = HandlerBox()
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                guard let stop = handler.takeFirst() else { _exit(ExitStatus.interrupted.rawValue) }
                Console.note("stopping: saving what is half done (again to stop at once)")
                stop()
            }
            source.resume()
            return source
        }
        self.handler = handler
    }

    func setHandler(_ new: (@Sendable () -> Void)?) { handler.set(new) }

    /// What the first signal is to do.
    private final class HandlerBox: Sendable {
        private struct State {
            var handler: (@Sendable () -> Void)?
            var wasSignalled = false
        }

        private let state = Mutex(State())

        func set(_ handler: (@Sendable () -> Void)?) { state.withLock { $0.handler = handler } }

        /// The handler, if this is the first signal.
        func takeFirst() -> (@Sendable () -> Void)? {
            state.withLock { state in
                defer { state.wasSignalled = true }
                return state.wasSignalled ? nil : state.handler
            }
        }
    }
}
