using System.Collections.Concurrent;
using System.Net;
using System.Text;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ClipTrain.Cli.Tests.Telemetry;

[Collection(RunTracesTests.Spans)]
public sealed class OtlpExportTests
{
    private readonly ConcurrentDictionary<string, string> _received = new(StringComparer.Ordinal);

    [Fact]
    public async Task A_collector_gets_the_figures_and_the_spans_of_a_run()
    {
        await using var collector = await StartCollectorAsync();
        var options = TinyClip.Run() with { Output = new OutputOptions { Otlp = collector.Urls.Single() } };
        var step = Samples.Step(100) with { TextTower = new TowerMetrics(GradientNorm: 0.5, MeanCosine: 0.25, EffectiveRank: 6) };

        using (OtlpExport.Start(options, () => step))
        using (var traces = new RunTraces(TimeProvider.System))
        {
            traces.BeginGeneration(1, workers: 1, startStep: 0);
            traces.Step(step);
        }

        var metrics = _received["/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"];
        Assert.All(
            new[] { "cliptrain.training.loss", "cliptrain.training.samples", "cliptrain.training.tower.effective_rank", "tower", "text" },
            name => Assert.Contains(name, metrics, StringComparison.Ordinal)
        );
        var spans = _received["/opentelemetry.proto.collector.trace.v1.TraceService/Export"];
        Assert.All(new[] { "generation", "step", "cliptrain.workers" }, name => Assert.Contains(name, spans, StringComparison.Ordinal));
    }

    /// <summary>A collector that keeps what it gets by service, as gRPC over HTTP/2 without TLS.</summary>
    private async Task<WebApplication> StartCollectorAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            // Names are plain text in a protobuf message.
            _received.AddOrUpdate(
                context.Request.Path.Value!,
                Encoding.Latin1.GetString(body.ToArray()),
                (_, before) => before + Encoding.Latin1.GetString(body.ToArray())
            );
            context.Response.ContentType = "application/grpc";
            context.Response.AppendTrailer("grpc-status", "0");
            // An empty message: no compression, length zero.
            await context.Response.Body.WriteAsync(new byte[5]);
        });
        await app.StartAsync();
        return app;
    }
}
