using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClipTrain.Coordinator.Tests.Hosting;

/// <summary>Who may do what without the run's token.</summary>
public sealed class TokenTests
{
    public static TheoryData<string, string, string?> Endpoints => new()
    {
        { "POST", "demo/join", """{"workerId":"worker-9","incarnation":"i","processId":1,"host":"h","address":"a","device":null,"codeVersion":"v1","configHash":"hash1","corpusHash":"corpus1"}""" },
        { "POST", "demo/heartbeat", """{"workerId":"worker-0","incarnation":"process-0-0","generation":1,"committedStep":5,"records":[],"warnings":["w"]}""" },
        { "POST", "demo/report", """{"workerId":"worker-0","incarnation":"process-0-0","generation":1,"outcome":"Failed","committedStep":5,"message":"m"}""" },
        { "POST", "demo/checkpoint-written", """{"workerId":"worker-0","incarnation":"a","step":5,"directory":"d"}""" },
        { "POST", "demo/store", """{"workerId":"worker-0","generation":1,"op":"Set","key":"k"}""" },
        { "POST", "demo/stop", """{"by":"somebody","atOnce":true}""" },
        { "POST", "demo/checkpoint", "{}" },
        { "GET", "demo/config", null },
        { "GET", "demo/manifest", null },
        { "GET", "", null },
    };

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task Without_the_token_nothing_is_changed_and_no_file_is_read(string method, string path, string? body)
    {
        await using var fixture = await HostFixture.StartAsync(2);
        await fixture.FormAsync();
        var before = RunScript.Json(fixture.Run.State);
        using var http = new HttpClient();
        foreach (var authorization in new[] { null, "Bearer", "Bearer ", "Bearer wrong", "Basic " + fixture.Host.Token, "bearer" + fixture.Host.Token, "Bearer " + fixture.Host.Token[..^1], "Bearer " + fixture.Host.Token + "0" })
        {
            using var request = fixture.Request(method, path, body);
            if (authorization is not null)
            {
                Assert.True(request.Headers.TryAddWithoutValidation("Authorization", authorization));
            }

            using var response = await http.SendAsync(request);

            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Contains("CLIPTRAIN_TOKEN", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(before, RunScript.Json(fixture.Run.State));
        Assert.Equal(0, (await fixture.Client(0).StoreAsync(new StoreRequest("worker-0", 1, StoreOp.Check, "k"))).Number);
        using var good = fixture.Request(method, path, body);
        good.Headers.Authorization = new AuthenticationHeaderValue("Bearer", fixture.Host.Token);
        // A join is held until there is room.
        var accepted = http.SendAsync(good);
        if (path == "demo/join")
        {
            await fixture.Observer.WhenAsync(() => fixture.Run.State.Members.Count == 3);
        }
        else
        {
            using var response = await accepted;
            Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}");
        }
    }

    [Fact]
    public void No_endpoint_is_missing_from_the_grid_of_tokens()
    {
        var source = new ConcurrentDictionary<string, HostedRun>(StringComparer.Ordinal);
        var app = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        app.WebHost.UseKestrelCore();
        app.Services.AddRoutingCore();
        var routes = (IEndpointRouteBuilder)app.Build();
        new CoordinatorEndpoints(source, BearerToken.Random(), readingIsFree: true, TimeProvider.System, NullLogger.Instance).Map(routes);

        var mapped = routes.DataSources.SelectMany(data => data.Endpoints).OfType<RouteEndpoint>()
            .Select(endpoint => $"{endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods[0]} {endpoint.RoutePattern.RawText!.Replace("{run}", "demo", StringComparison.Ordinal)}");

        var tested = Endpoints.Select(row => $"{row[0]} /runs/{row[1]}".TrimEnd('/'));
        Assert.Equal(tested.Concat(["GET /health", "GET /runs/demo"]).Order(StringComparer.Ordinal), mapped.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task On_loopback_anyone_may_read_the_status()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        using var http = new HttpClient();

        Assert.Equal("ok", await http.GetStringAsync(new Uri(fixture.Host.Address, "/health")));
        var json = await http.GetStringAsync(new Uri(fixture.Host.Address, "/runs/demo"));

        Assert.Equal("Forming", JsonDocument.Parse(json).RootElement.GetProperty("phase").GetString());
        Assert.DoesNotContain(fixture.Host.Token, json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beyond_loopback_reading_needs_the_token_too()
    {
        await using var fixture = await HostFixture.StartAsync(1, new CoordinatorHostOptions { Address = IPAddress.Any, Token = "a token of one's own" });
        using var http = new HttpClient();
        Assert.Equal("127.0.0.1", fixture.Host.Address.Host);
        using (var refused = await http.GetAsync(new Uri(fixture.Host.Address, "/runs/demo")))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "a token of one's own");
        using var response = await http.GetAsync(new Uri(fixture.Host.Address, "/runs/demo"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Beyond_loopback_a_token_is_a_must()
    {
        var error = await Assert.ThrowsAsync<CoordinatorStartException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { Address = IPAddress.Any }, TimeProvider.System));
        Assert.Contains("CLIPTRAIN_TOKEN", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_are_random()
    {
        await using var one = await CoordinatorHost.StartAsync(new CoordinatorHostOptions(), TimeProvider.System);
        await using var two = await CoordinatorHost.StartAsync(new CoordinatorHostOptions(), TimeProvider.System);
        Assert.NotEqual(one.Token, two.Token);
        Assert.Equal(64, one.Token.Length);
    }
}
