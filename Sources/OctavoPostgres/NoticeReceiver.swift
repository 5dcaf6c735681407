import CLibPQ
import Logging

/// Takes the server's notices to the logger, which libpq would otherwise print to stderr.
///
/// Owned by a session and called by libpq on the session's thread.
final class NoticeReceiver {
    private let logger: Logger?

    /// Whether the server has said farewell (FATAL outside a statement: it is about to hang up).
    private(set) var sawFatal = false

    init(logger: Logger?) {
        self.logger = logger
    }

    /// Registers with libpq, which keeps an unretained pointer: the receiver must outlive the connection.
    func attach(to connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeReceiver>.fromOpaque(context).takeUnretainedValue().receive(result)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func receive(_ result: OpaquePointer) {
        let severity = PostgresError.field(octavo_field_severity, of: result) ?? "NOTICE"
        let message = PostgresError.field(octavo_field_message, of: result) ?? ""
        if severity == "FATAL" || severity == "PANIC" { sawFatal = true }
        let level: Logger.Level = severity == "NOTICE" || severity == "DEBUG" ? .debug : .info
        logger?.log(level: level, "PostgreSQL: \(message)", metadata: ["severity": "\(severity)"])
    }
}
