using System.Diagnostics.Metrics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Trainer.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Export of the hosted run's metrics and spans, and of Orleans' metrics, to an OpenTelemetry collector. No semantic convention
/// covers training, so names are <c>cliptrain.training.*</c>, with OpenTelemetry units.
/// </summary>
internal sealed class OtlpExport : IDisposable
{
    private readonly Meter _meter;
    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    private OtlpExport(RunOptions options, Func<StepMetrics?> last)
    {
        _meter = new Meter("ClipTrain", typeof(OtlpExport).Assembly.GetName().Version?.ToString());
        Gauge("loss", "1", step => step.Loss);
        Gauge("gradient_norm", "1", step => step.GradientNorm);
        Gauge("learning_rate", "1", step => step.LearningRate);
        Gauge("logit_scale", "1", step => step.LogitScale);
        Gauge("step.duration", "s", step => step.StepSeconds);
        Gauge("throughput", "{image}/s", step => step.ImagesPerSecond);
        Gauge("data_wait", "1", step => step.DataWaitShare);
        Gauge("epoch", "1", step => step.Epoch);
        Gauge("step", "{step}", step => step.Step);
        Gauge("mfu", "1", step => step.Mfu);
        Towers("gradient_norm", "1", tower => tower.GradientNorm);
        Towers("mean_cosine", "1", tower => tower.MeanCosine);
        Towers("effective_rank", "1", tower => tower.EffectiveRank);
        _meter.CreateObservableCounter("cliptrain.training.samples", () => last()?.Samples ?? 0, "{sample}");
        _meter.CreateObservableCounter("cliptrain.training.bad_samples", () => last()?.BadSamples ?? 0, "{sample}");
        _metrics = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Describe)
            .AddMeter(_meter.Name, "Microsoft.Orleans")
            .AddOtlpExporter(exporter => exporter.Endpoint = new Uri(options.Output.Otlp))
            .Build();
        _traces = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(Describe)
            .AddSource(RunTraces.SourceName)
            .AddOtlpExporter(exporter => exporter.Endpoint = new Uri(options.Output.Otlp))
            .Build();

        void Describe(ResourceBuilder resource) => resource.AddService("cliptrain", serviceInstanceId: options.Name);

        void Gauge(string name, string unit, Func<StepMetrics, double?> value) =>
            _meter.CreateObservableGauge(
                $"cliptrain.training.{name}",
                () =>
                    last() is { } step && value(step) is { } figure
                        ? [new Measurement<double>(figure)]
                        : Array.Empty<Measurement<double>>(),
                unit
            );

        void Towers(string name, string unit, Func<TowerMetrics, double?> value) =>
            _meter.CreateObservableGauge($"cliptrain.training.tower.{name}", () => Measure(last(), value), unit);
    }

    /// <summary>A figure of both towers, with the tower as attribute.</summary>
    private static IEnumerable<Measurement<double>> Measure(StepMetrics? step, Func<TowerMetrics, double?> value)
    {
        foreach (var (name, tower) in new[] { ("image", step?.ImageTower), ("text", step?.TextTower) })
        {
            if (tower is not null && value(tower) is { } figure)
            {
                yield return new Measurement<double>(figure, KeyValuePair.Create<string, object?>("tower", name));
            }
        }
    }

    /// <summary>Starts the export; returns null if the run's configuration names no collector.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="last">Returns the metrics of the newest step; null before the first.</param>
    public static OtlpExport? Start(RunOptions options, Func<StepMetrics?> last) =>
        options.Output.Otlp.Length > 0 ? new OtlpExport(options, last) : null;

    /// <summary>Flushes pending metrics and spans and stops the export.</summary>
    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
        _meter.Dispose();
    }
}
