import Foundation
import Synchronization

/// Stops a session's work from another thread, for good: once signalled, the statement in progress is canceled and
/// the session that watches this throws `.cancelled` from then on.
///
/// Its file descriptor stands in the same `poll` as the server's socket, so that a thread blocked in connecting or in
/// a statement wakes at once.
public final class PostgresInterrupt: Sendable {
    private struct State {
        var isSignalled = false
        /// The peer of `fileDescriptor`, closed by the signal.
        var peer: Int32 = -1
    }
    private let state: Mutex<State>

    /// Reports a hang-up from the moment of the signal on.
    let fileDescriptor: Int32

    /// Makes an interrupt that has not been signalled. Costs two file descriptors; where none are left, a signal is
    /// noticed only between two steps of the conversation with the server.
    public init() {
        var ends: [Int32] = [-1, -1]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
        fileDescriptor = ends[0]
        state = Mutex(State(peer: ends[1]))
    }

    deinit {
        signal()
        if fileDescriptor >= 0 { close(fileDescriptor) }
    }

    /// Wakes the session. May be called from any thread, any number of times.
    public func signal() {
        state.withLock { state in
            if state.peer >= 0 { close(state.peer) }
            state = State(isSignalled: true)
        }
    }

    /// Whether `signal` has been called.
    public var isSignalled: Bool { state.withLock(\.isSignalled) }
}

/// Why a wait for a socket ended.
enum SocketReadiness {
    /// The socket is readable, writable or broken: libpq can go on.
    case ready
    case interrupted
    case timedOut
}

/// Blocks until a socket is ready for `events` (`POLLIN`, `POLLOUT`), the interrupt is signalled or the deadline passes.
func waitForSocket(
    _ socket: Int32, events: Int32, interrupt: PostgresInterrupt, deadline: ContinuousClock.Instant?
) -> SocketReadiness {
    var descriptors = [
        pollfd(fd: socket, events: Int16(events), revents: 0),
        pollfd(fd: interrupt.fileDescriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
        if interrupt.isSignalled { return .interrupted }
        let count = poll(&descriptors, nfds_t(descriptors.count), deadline?.pollTimeout ?? -1)
        if count < 0 && errno == EINTR { continue }
        if interrupt.isSignalled { return .interrupted }
        if count != 0 { return .ready }
        if let deadline, deadline <= .now { return .timedOut }
    }
}

extension ContinuousClock.Instant {
    /// The milliseconds from now until this instant, rounded up, as `poll` takes them.
    fileprivate var pollTimeout: Int32 {
        let remaining = ContinuousClock.now.duration(to: self)
        guard remaining > .zero else { return 0 }
        return Int32(clamping: Int64((remaining / .milliseconds(1)).rounded(.up)))
    }
}
