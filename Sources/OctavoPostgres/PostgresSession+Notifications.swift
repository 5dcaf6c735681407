import CLibPQ
import Foundation

/// What a `NOTIFY` said.
public struct PostgresNotification: Hashable, Sendable {
    /// The channel that was listened on.
    public var channel: String
    /// The text sent with it, often empty.
    public var payload: String
    /// The process id of the notifying backend.
    public var processID: Int32
}

extension PostgresSession {
    /// Waits for notifications on the channels that this session has run `LISTEN` for.
    ///
    /// - Returns: those that have arrived, as soon as there is one; none when `timeout` has passed without.
    /// - Throws: `.connection` if the connection is lost, `.cancelled` if interrupted.
    public func notifications(waitingUpTo timeout: Duration) throws(PostgresError) -> [PostgresNotification] {
        _ = try beginExchange("LISTEN")
        let deadline = ContinuousClock.now + timeout
        while true {
            let arrived = takeNotifications()
            if !arrived.isEmpty { return arrived }
            switch waitForSocket(
                PQsocket(connection), events: POLLIN, interrupt: interrupt, deadline: deadline)
            {
            case .ready: guard PQconsumeInput(connection) == 1 else { throw sendFailure("LISTEN") }
            case .interrupted: throw PostgresError(.cancelled, "interrupted", statement: "LISTEN")
            case .timedOut: return []
            }
        }
    }

    private func takeNotifications() -> [PostgresNotification] {
        var arrived: [PostgresNotification] = []
        while let notification = PQnotifies(connection) {
            arrived.append(
                PostgresNotification(
                    channel: String(cString: notification.pointee.relname),
                    payload: String(cString: notification.pointee.extra), processID: notification.pointee.be_pid))
            PQfreemem(notification)
        }
        return arrived
    }
}
