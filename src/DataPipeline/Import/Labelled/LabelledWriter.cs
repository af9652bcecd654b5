using System.Text.Json;
using ClipTrain.DataPipeline.Corpus.Parquet;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace ClipTrain.DataPipeline.Import.Labelled;

/// <summary>
/// Writes a labelled Parquet file with the columns image, text and label, and the class names in its metadata as Hugging Face's
/// ClassLabel. The file appears under its name only when it is complete.
/// </summary>
internal sealed class LabelledWriter : IDisposable
{
    private const int RowGroupRows = 500;

    private readonly IReadOnlyList<string> _classes;
    private readonly ParquetFileWriter _file;

    public LabelledWriter(string path, IReadOnlyList<string> classes)
    {
        _classes = classes;
        var features = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["image"] = new { _type = "Image" },
            ["text"] = new { dtype = "string", _type = "Value" },
            ["label"] = new { names = classes, _type = "ClassLabel" },
        };
        _file = new ParquetFileWriter(
            path,
            [new OutputColumn("image", IsText: false), new OutputColumn("text", IsText: true), new OutputColumn("label", IsText: true)],
            KeyValuePair.Create("huggingface", JsonSerializer.Serialize(new { info = new { features } }))
        );
    }

    public void Add(byte[] image, string caption, int label)
    {
        _file.Add(0, image);
        _file.AddText(1, caption);
        _file.AddText(2, label.ToString(System.Globalization.CultureInfo.InvariantCulture));
        _file.EndRow();
        if (_file.Pending == RowGroupRows)
        {
            _file.Flush();
        }
    }

    /// <summary>Adds a grey square as PNG, captioned with its class name.</summary>
    public void Add(ReadOnlySpan<byte> grey, int side, int label)
    {
        using var image = Image.LoadPixelData<L8>(grey, side, side);
        using var png = new MemoryStream();
        image.SaveAsPng(png);
        Add(png.ToArray(), _classes[label], label);
    }

    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();
}
