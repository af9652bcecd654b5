using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Monitoring.Runs;
using ClipTrain.Monitoring.Series;

namespace ClipTrain.Monitoring.Page;

/// <summary>JSON for the page: camelCase names, numbers with six digits, null for non-finite ones.</summary>
internal static class PageJson
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new ShortNumbers(), new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static string Of<T>(T value) => JsonSerializer.Serialize(value, s_options);

    /// <summary>A row of the table of runs.</summary>
    public static object Summary(string name, WatchedRun run) =>
        new
        {
            Name = name,
            run.Phase,
            run.Metrics.LastStep,
            run.Metrics.Version,
            TotalSteps = run.Configuration.TryGetValue("training.steps", out var steps)
            && double.TryParse(steps, CultureInfo.InvariantCulture, out var total)
                ? total
                : double.NaN,
            Loss = run.Metrics.Last("loss"),
            ImagesPerSecond = run.Metrics.Last("images_per_second"),
            run.Configuration,
            run.Figures,
        };

    /// <summary>The page's data of a run, except its series.</summary>
    /// <param name="run">The run.</param>
    /// <param name="runs">All runs of the page, by name.</param>
    public static object Details(WatchedRun run, IReadOnlyDictionary<string, WatchedRun> runs) =>
        new
        {
            run.Phase,
            run.Ranks,
            run.Verdict,
            Change = ChangeOutcome.Of(run, runs)?.Text,
            run.Phases,
            run.ProbeTime,
            run.Events,
            run.Figures,
        };

    public static object Series(WatchedRun run, SeriesSlice slice) =>
        new
        {
            run.Metrics.Version,
            run.Metrics.LastStep,
            run.Metrics.Names,
            slice.Width,
            slice.Step,
            slice.Series,
        };

    /// <summary>Writes six digits, which exceed a chart's resolution, but whole numbers exactly, as steps and samples require.</summary>
    private sealed class ShortNumbers : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (!double.IsFinite(value))
            {
                writer.WriteNullValue();
            }
            else if (value == Math.Floor(value) && Math.Abs(value) < 1e15)
            {
                writer.WriteNumberValue((long)value);
            }
            else
            {
                writer.WriteRawValue(value.ToString("G6", CultureInfo.InvariantCulture));
            }
        }
    }
}
