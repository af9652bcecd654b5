using System.Text;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Progress of <see cref="DemoCorpus.Build"/>.</summary>
public readonly record struct DemoProgress(int ImagesDone, int Images);

/// <summary>
/// A small corpus of emoji, drawn by six vendors and captioned with their names, on which a small model learns in minutes. Written to one
/// folder: three Parquet files with the columns image, text, vendor, label (the emoji's category), keywords and validation, a folder for
/// choosing a recipe, a vocabulary learned from the training captions, and the drawings' licences. Reproducible byte for byte.
/// </summary>
public static class DemoCorpus
{
    public const string TrainFile = "train.parquet",
        HeldOutVendorFile = "heldout-vendor.parquet",
        HeldOutConceptsFile = "heldout-concepts.parquet";

    /// <summary>
    /// Folder with the training drawings again, to choose a recipe on: those of the validation concepts, for training without rows in which
    /// the column validation is yes, and the others in one file per vendor, for training without that vendor.
    /// </summary>
    public const string ValidationFolder = "validation";

    public const string ValidationConceptsFile = "concepts.parquet";

    public const string MergesFile = "emoji-merges.txt",
        LicensesFile = "LICENSES.md";

    private const int Side = 96,
        Quality = 95,
        Merges = 2000,
        RowGroupRows = 200;

    /// <summary>White margin around a drawing, as a share of its longer side.</summary>
    private const double Margin = 1.0 / 22;
    private const string HeldOutVendor = "fluent-emoji";
    private static readonly string[] NamingVendors = ["noto", "twemoji"];
    private static readonly string[] TrainVendors = [.. NamingVendors, "openmoji", "emojione", "fxemoji"];

    /// <summary>True if a folder contains a whole corpus of this version.</summary>
    public static bool IsIn(string folder) =>
        // The licences are written last. Earlier versions had no validation concepts.
        File.Exists(Path.Combine(folder, LicensesFile)) && File.Exists(Path.Combine(folder, ValidationFolder, ValidationConceptsFile));

    /// <summary>Builds the corpus.</summary>
    /// <param name="packagesRoot">The folder node_modules with the packages that npm installs from scripts/npm-demo.</param>
    /// <param name="outputDirectory">Created if it does not exist; files of an earlier build are replaced.</param>
    /// <param name="progress">Called after every image.</param>
    /// <exception cref="InvalidDataException">A package is missing or damaged; the message names the file.</exception>
    public static void Build(string packagesRoot, string outputDirectory, IProgress<DemoProgress>? progress = null)
    {
        var sets = new Dictionary<string, EmojiSet>(StringComparer.Ordinal);
        try
        {
            foreach (var vendor in (string[])[.. TrainVendors, HeldOutVendor])
            {
                sets.Add(vendor, EmojiSet.Load(Path.Combine(packagesRoot, "@iconify-json"), vendor));
            }

            var concepts = new EmojiConcepts([.. NamingVendors.Select(v => sets[v])], [.. sets.Values]);
            var splits = DemoSplits.Choose(concepts, TrainVendors, HeldOutVendor);
            Directory.CreateDirectory(Path.Combine(outputDirectory, ValidationFolder));
            // A corpus of an earlier version is not whole until all is written anew.
            File.Delete(Path.Combine(outputDirectory, LicensesFile));

            var writer = new SplitWriter(
                new Sources(sets, concepts, EmojiKeywords.Load(packagesRoot), splits.Validation),
                outputDirectory,
                progress,
                splits.Train.Count + splits.HeldOutVendor.Count + splits.HeldOutConcepts.Count
            );
            var drawings = splits
                .Train.Zip(writer.Write(TrainFile, splits.Train))
                .ToLookup(drawn => splits.Validation.Contains(drawn.First.Concept));
            writer.Write(Path.Combine(ValidationFolder, ValidationConceptsFile), [.. drawings[true]]);
            foreach (var vendor in TrainVendors)
            {
                writer.Write(
                    Path.Combine(ValidationFolder, $"{vendor}.parquet"),
                    [.. drawings[false].Where(drawn => drawn.First.Vendor == vendor)]
                );
            }

            writer.Write(HeldOutVendorFile, splits.HeldOutVendor);
            writer.Write(HeldOutConceptsFile, splits.HeldOutConcepts);
            MergeTrainer
                .Learn(splits.Train.Select(r => EmojiConcepts.Caption(r.Concept)), Merges)
                .Save(Path.Combine(outputDirectory, MergesFile));
            File.WriteAllText(Path.Combine(outputDirectory, LicensesFile), Licenses(sets.Values));
        }
        finally
        {
            foreach (var set in sets.Values)
            {
                set.Dispose();
            }
        }
    }

    private static string Licenses(IEnumerable<EmojiSet> sets)
    {
        var text = new StringBuilder(
            """
            # Whose drawings these are

            Every image of this corpus is a drawing of one of the sets below, scaled to 96 × 96 pixels on white and stored as
            JPEG; the column `vendor` says of which. Each stays under the licence of its set.

            | vendor | set | author | licence | package |
            |---|---|---|---|---|

            """
        );
        foreach (var set in sets)
        {
            text.Append(set.Attribution()).Append('\n');
        }

        return text.ToString();
    }

    private sealed record Sources(
        Dictionary<string, EmojiSet> Sets,
        EmojiConcepts Concepts,
        EmojiKeywords Keywords,
        IReadOnlySet<string> Validation
    );

    /// <summary>Draws the rows of a split in parallel, and writes them in order.</summary>
    private sealed class SplitWriter(Sources emoji, string directory, IProgress<DemoProgress>? progress, int images)
    {
        private int _done;

        /// <summary>Draws and writes a split; returns its drawings as JPEGs.</summary>
        public IReadOnlyList<byte[]> Write(string file, IReadOnlyList<DemoRow> rows)
        {
            var jpegs = new byte[rows.Count][];
            Parallel.For(
                0,
                rows.Count,
                () => new PixelBuffer(),
                (i, _, image) =>
                {
                    jpegs[i] = Draw(rows[i], image);
                    progress?.Report(new DemoProgress(Interlocked.Increment(ref _done), images));
                    return image;
                },
                image => image.Dispose()
            );
            Write(file, [.. rows.Zip(jpegs)]);
            return jpegs;
        }

        public void Write(string file, IReadOnlyList<(DemoRow Row, byte[] Jpeg)> drawings)
        {
            using var corpus = new CorpusWriter(
                Path.Combine(directory, file),
                RowGroupRows,
                extraColumns: ["vendor", "label", "keywords", "validation"]
            );
            foreach (var (row, jpeg) in drawings)
            {
                corpus.Add(
                    jpeg,
                    EmojiConcepts.Caption(row.Concept),
                    [row.Vendor, Label(row.Concept), emoji.Keywords.Of(row.Concept), emoji.Validation.Contains(row.Concept) ? "yes" : "no"]
                );
            }

            corpus.Complete();
        }

        /// <summary>The concept's category, from the first naming set that contains the concept.</summary>
        private string? Label(string concept) =>
            NamingVendors
                .Select(v => emoji.Concepts.Drawing(concept, v) is { } name ? emoji.Sets[v].Category(name) : null)
                .FirstOrDefault(c => c is not null);

        private byte[] Draw(DemoRow row, PixelBuffer image)
        {
            var (set, name) = (emoji.Sets[row.Vendor], emoji.Concepts.Drawing(row.Concept, row.Vendor)!);
            var frame = set.Frame(name);
            Rasterize(frame);
            // Vendors use different margins, which would reveal the vendor and distract from the concept: unify them.
            Rasterize(frame.Around(image, Margin));
            return JpegEncoder.Encode(image, Quality);

            void Rasterize(DrawingFrame shown) =>
                VipsDecoder.Decode(Encoding.UTF8.GetBytes(set.Svg(name, shown, Side)), image, new ImageLimits { Svg = true });
        }
    }
}
