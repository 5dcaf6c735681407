import Foundation

/// Who a worker is: a name never used again, and the machine and process behind it.
public struct WorkerIdentity: Sendable, Hashable {
    /// A unique name: host, process and a random part.
    public var name: String
    /// The machine, such that a process id of it means one process: host name, boot and process-id namespace.
    public var host: String
    /// The process.
    public var processID: Int32

    /// The identity of this process, with a new name.
    public init() {
        let hostName = ProcessInfo.processInfo.hostName
        processID = ProcessInfo.processInfo.processIdentifier
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        let namespace = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
        host = [hostName, boot.trimmingCharacters(in: .whitespacesAndNewlines), namespace]
            .filter { !$0.isEmpty }.joined(separator: "/")
        let unique = String(UInt64.random(in: .min ... .max), radix: 36)
        name = "\(hostName):\(processID):\(unique)"
    }
}
