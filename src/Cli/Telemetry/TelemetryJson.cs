using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// JSON settings for measurements: snake_case names; NaN and infinities as the strings "NaN", "Infinity" and
/// "-Infinity".
/// </summary>
internal static class TelemetryJson
{
    public static JsonSerializerOptions OneLine { get; } =
        new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
            RespectRequiredConstructorParameters = true,
        };

    public static JsonSerializerOptions Indented { get; } = new(OneLine) { WriteIndented = true, NewLine = "\n" };
}
