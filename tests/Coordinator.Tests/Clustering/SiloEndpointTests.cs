using System.Net;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Clustering;

public sealed class SiloEndpointTests
{
    [Fact]
    public void Ports_of_zero_become_two_different_free_ones_and_given_ports_stay()
    {
        var free = SiloEndpoint.OnLoopback("first").WithFreePorts();
        var half = SiloEndpoint.OnLoopback("first", gatewayPort: 7700).WithFreePorts();

        Assert.NotEqual(0, free.GatewayPort);
        Assert.NotEqual(0, free.SiloPort);
        Assert.NotEqual(free.GatewayPort, free.SiloPort);
        Assert.Equal(7700, half.GatewayPort);
    }

    [Fact]
    public void The_address_told_to_others_is_the_one_given_or_the_one_listened_on()
    {
        var (listen, told) = (IPAddress.Parse("10.0.0.1"), IPAddress.Parse("192.0.2.7"));

        Assert.Equal(listen, SiloEndpoint.Create("first", listen, advertised: null, 7700, 0).Advertised);
        Assert.Equal(told, SiloEndpoint.Create("first", IPAddress.Any, told, 7700, 0).Advertised);
    }

    [Fact]
    public void An_address_that_nobody_can_reach_is_refused() =>
        Assert.Throws<CoordinatorStartException>(() => SiloEndpoint.Create("first", IPAddress.Any, IPAddress.Any, 7700, 0));

    [Theory]
    [InlineData("node1:7700", "node1", 7700)]
    [InlineData("10.0.0.1:80", "10.0.0.1", 80)]
    [InlineData("[::1]:7700", "::1", 7700)]
    public void Addresses_of_coordinators_are_read(string text, string host, int port) =>
        Assert.Equal($"{host}:{port}", SeedGateways.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("node1")]
    [InlineData("node1:")]
    [InlineData("node1:70000")]
    [InlineData("http://node1:7700")]
    [InlineData("node 1:7700")]
    public void Anything_else_is_one_error_that_shows_the_form(string text) =>
        Assert.Contains(
            "HOST:PORT",
            Assert.Throws<CoordinatorStartException>(() => SeedGateways.Parse(text)).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Several_addresses_are_all_tried()
    {
        var gateways = await SeedGateways.Parse("127.0.0.1:1, 127.0.0.1:2").GetGateways();

        Assert.Equal([1, 2], gateways.Select(gateway => gateway.Port));
    }
}
