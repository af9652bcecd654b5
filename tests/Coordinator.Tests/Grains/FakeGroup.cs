using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>
/// A process group with one collective, the maximum of a byte. Its ranks connect through the coordinator's store, and when one leaves,
/// the others' connections break.
/// </summary>
internal sealed class FakeGroup : IDisposable
{
    private readonly List<TcpClient> _peers = [];
    private bool _isFirst;

    public static async Task<FakeGroup> MeetAsync(CoordinatorClient client, Assignment assignment, CancellationToken broken)
    {
        var group = new FakeGroup { _isFirst = assignment.Rank == 0 };
        try
        {
            if (group._isFirst)
            {
                using var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                var port = ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
                await client.StoreAsync(
                    new StoreRequest(client.WorkerId, assignment.Generation, StoreOp.Set, "port", Encoding.ASCII.GetBytes(port)),
                    broken
                );
                while (group._peers.Count < assignment.WorldSize - 1)
                {
                    group._peers.Add(await listener.AcceptTcpClientAsync(broken));
                }
            }
            else
            {
                var port = await client.StoreAsync(new StoreRequest(client.WorkerId, assignment.Generation, StoreOp.Get, "port"), broken);
                group._peers.Add(new TcpClient());
                await group._peers[0].ConnectAsync(IPAddress.Loopback, int.Parse(port.Value!, CultureInfo.InvariantCulture), broken);
            }

            return group;
        }
        catch
        {
            group.Dispose();
            throw;
        }
    }

    public async Task<byte> MaxAsync(byte mine, CancellationToken broken)
    {
        var bytes = new[] { mine };
        if (!_isFirst)
        {
            await _peers[0].GetStream().WriteAsync(bytes, broken);
            await _peers[0].GetStream().ReadExactlyAsync(bytes, broken);
            return bytes[0];
        }

        foreach (var peer in _peers)
        {
            await peer.GetStream().ReadExactlyAsync(bytes, broken);
            mine = Math.Max(mine, bytes[0]);
        }

        foreach (var peer in _peers)
        {
            await peer.GetStream().WriteAsync(new[] { mine }, broken);
        }

        return mine;
    }

    public void Dispose() => _peers.ForEach(peer => peer.Dispose());
}
