using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using ParquetSharp;
using Encoding = System.Text.Encoding;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Values of any type as text or JSON.</summary>
internal static class ParquetText
{
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A value as text; lists as JSON.</summary>
    public static string? Of(object? value) =>
        value switch
        {
            null => null,
            string text => text,
            bool truth => truth ? "true" : "false",
            byte[] bytes => Encoding.UTF8.GetString(bytes),
            Date date => date.DateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            DateTime time => time.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture),
            Array list => JsonOf(list),
            IFormattable number => number.ToString(format: null, CultureInfo.InvariantCulture),
            _ => value.ToString(),
        };

    /// <summary>Writes numbers, booleans and lists as such, everything else as text.</summary>
    public static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null or float.NaN or double.NaN:
                json.WriteNullValue();
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong or decimal:
                json.WriteRawValue(Of(value)!);
                break;
            case float or double or Half when double.IsFinite(Convert.ToDouble(value, CultureInfo.InvariantCulture)):
                json.WriteRawValue(Of(value)!);
                break;
            case Array list and not byte[]:
                json.WriteStartArray();
                foreach (var item in list)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(Of(value));
                break;
        }
    }

    /// <summary>A writer that leaves non-ASCII text readable.</summary>
    public static Utf8JsonWriter Writer(Stream output) => new(output, Json);

    private static string JsonOf(Array list)
    {
        using var buffer = new MemoryStream();
        using (var json = Writer(buffer))
        {
            Write(json, list);
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
