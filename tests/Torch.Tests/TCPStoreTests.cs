using System.Text;
using static ClipTrain.Torch.torch.distributed;

namespace ClipTrain.Torch.Tests;

public sealed class TCPStoreTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);

    [Fact]
    public void Clients_see_what_the_server_holds()
    {
        using var server = new TCPStore(Ranks.Loopback, 0, isServer: true, Ranks.Patience);
        using var client = new TCPStore(Ranks.Loopback, server.Port, isServer: false, Ranks.Patience);

        Assert.True(server.Port > 0);
        server.set("key", "value");
        Assert.Equal("value", Encoding.UTF8.GetString(client.get("key")));
        Assert.Equal(2, client.add("count", 2));
        Assert.Equal(5, server.add("count", 3));
    }

    [Fact]
    public void A_store_that_is_not_there_or_has_no_such_key_fails_at_the_time_out()
    {
        int port;
        using (var server = new TCPStore(Ranks.Loopback, 0, isServer: true, s_short))
        {
            port = server.Port;
            Assert.Throws<DistributedException>(() => server.get("missing"));
            Assert.Throws<DistributedException>(() => server.wait("missing", TimeSpan.FromMilliseconds(100)));
        }

        DistributedException e = Assert.Throws<DistributedException>(() => new TCPStore(Ranks.Loopback, port, isServer: false, s_short));
        Assert.Contains($"127.0.0.1:{port}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_whose_server_is_gone_fails()
    {
        var server = new TCPStore(Ranks.Loopback, 0, isServer: true, Ranks.Patience);
        using var client = new TCPStore(Ranks.Loopback, server.Port, isServer: false, Ranks.Patience);
        server.Dispose();

        Assert.Throws<DistributedException>(() => client.get("key"));
    }
}
