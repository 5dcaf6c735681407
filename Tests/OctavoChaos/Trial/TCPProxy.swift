import Foundation
import Synchronization

/// A network between workers and server that can fail: TCP on one side, the server's Unix socket on the other.
final class TCPProxy: Sendable {
    /// What happens to what is sent.
    enum Weather: Sendable, Equatable {
        /// Everything passes.
        case fair
        /// Nothing passes in either direction, though all connections stay open; later it passes again.
        case silent
        /// The reply to every so many-th statement that contains a text is lost, with its connection.
        case losesReplies(to: String, oneIn: Int)
        /// The connection is reset so many bytes after a statement that contains a text.
        case resets(after: String, bytes: Int)
    }

    struct State {
        var weather = Weather.fair
        var links: [Link] = []
        var matches = 0
        var losses = 0
    }

    /// The address to connect to.
    let address: String
    /// The port to connect to.
    let port: UInt16
    let socketPath: String
    let state = Mutex(State())
    private let listener: Int32

    /// Listens on a free port.
    init(address: String = "127.0.0.1", to socketPath: String) throws {
        self.address = address
        self.socketPath = socketPath
        (listener, port) = try Self.listen(at: address)
        _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
        Thread.detachNewThread { [listener] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                self.admit(client)
            }
        }
    }

    private static func listen(at address: String) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, address, &name.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && Foundation.listen(descriptor, 64) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard isListening else { throw TrialError("no port at \(address): \(String(cString: strerror(errno)))") }
        return (descriptor, UInt16(bigEndian: name.sin_port))
    }

    /// What happens to what is sent from now on.
    func set(_ weather: Weather) { state.withLock { $0.weather = weather } }

    /// Lets nothing pass any more on the connections that there are, which stay open; new ones work.
    func silenceConnections() {
        state.withLock { state in state.links.forEach { $0.isSilenced.store(true, ordering: .relaxed) } }
    }

    /// Connections and replies lost to the weather.
    var losses: Int { state.withLock { $0.losses } }

    /// Ends all connections and takes no more.
    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
        state.withLock { state in state.links.forEach { $0.isEnded.store(true, ordering: .relaxed) } }
    }

    private func admit(_ client: Int32) {
        guard let server = connectToServer() else {
            Foundation.close(client)
            return
        }
        var isOn: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        for descriptor in [client, server] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let link = Link(client: client, server: server, proxy: self)
        state.withLock { $0.links.append(link) }
        Thread.detachNewThread {
            link.run()
            self.state.withLock { $0.links.removeAll { $0 === link } }
        }
    }

    private func connectToServer() -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: socketPath.utf8) }
        let outcome = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if outcome == 0 { return descriptor }
        Foundation.close(descriptor)
        return nil
    }
}
