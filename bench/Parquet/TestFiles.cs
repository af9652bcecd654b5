using System.Globalization;
using ParquetSharp;
using ParquetSharp.IO;
using ParquetSharp.Schema;
using Encoding = System.Text.Encoding;

namespace ClipTrain.Bench.Parquet;

/// <summary>Files of synthetic images (random bytes) and captions, in the layouts of real corpora.</summary>
internal static unsafe class TestFiles
{
    /// <summary>Writes <c>image</c> as bytes, or as Hugging Face's struct, and <c>caption</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="groupRows">Rows per row group.</param>
    /// <param name="imageBytes">Bytes per image.</param>
    /// <param name="isStruct">True for an image struct of bytes and path, compressed with Snappy.</param>
    public static void Write(string path, int rows, int groupRows, int imageBytes, bool isStruct)
    {
        if (File.Exists(path))
        {
            return;
        }

        using var properties = new WriterPropertiesBuilder()
            .Compression(isStruct ? Compression.Snappy : Compression.Uncompressed)
            .DisableDictionary()
            .DisableStatistics()
            .Build();
        using var text = LogicalType.String();
        using var none = LogicalType.None();
        Node bytes = new PrimitiveNode(isStruct ? "bytes" : "image", Repetition.Optional, none, PhysicalType.ByteArray),
            name = new PrimitiveNode("path", Repetition.Optional, text, PhysicalType.ByteArray);
        using var schema = new GroupNode(
            "schema",
            Repetition.Required,
            [
                isStruct ? new GroupNode("image", Repetition.Optional, [bytes, name]) : bytes,
                new PrimitiveNode("caption", Repetition.Optional, text, PhysicalType.ByteArray),
            ]
        );
        using var stream = File.Create(path);
        using var output = new ManagedOutputStream(stream);
        using var file = new ParquetFileWriter(output, schema, properties, keyValueMetadata: null);
        var random = new Random(1);
        var image = new byte[imageBytes];
        for (var first = 0; first < rows; first += groupRows)
        {
            using var group = file.AppendRowGroup();
            var count = Math.Min(groupRows, rows - first);
            var level = (short)(isStruct ? 2 : 1);
            WriteColumn(
                group,
                level,
                count,
                _ =>
                {
                    random.NextBytes(image);
                    return image;
                }
            );
            if (isStruct)
            {
                WriteColumn(
                    group,
                    level,
                    count,
                    i => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{first + i:D8}.jpg"))
                );
            }

            WriteColumn(
                group,
                1,
                count,
                i =>
                    Encoding.UTF8.GetBytes(
                        string.Create(CultureInfo.InvariantCulture, $"a photo of something, number {first + i}, in the afternoon light")
                    )
            );
        }

        file.Close();
    }

    private static void WriteColumn(RowGroupWriter group, short level, int rows, Func<int, byte[]> value)
    {
        using var column = (ColumnWriter<ByteArray>)group.NextColumn();
        for (var i = 0; i < rows; i++)
        {
            var bytes = value(i);
            fixed (byte* start = bytes)
            {
                column.WriteBatch(1, [level], [0], [new ByteArray((nint)start, bytes.Length)]);
            }
        }
    }
}
