using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed class FilterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;

    public FilterTests() =>
        _manifest = CorpusManifest.Create([
            SelectedCorpus.Write(_folder, "a.parquet", 3000),
            SelectedCorpus.Write(_folder, "b.parquet", 5, 3000),
            SelectedCorpus.Write(_folder, "c.parquet", 2500, 3005),
        ]);

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, Func<int, bool>> Conditions =>
        new()
        {
            { "clip_score > 0.28 and width >= 200", i => i > 280 && i % 3 != 0 },
            { "number between 2999 and 3006", i => i is >= 2999 and <= 3006 },
            { "width is null", i => i % 3 == 0 },
            { "width > 0 or width <= 0", i => i % 3 != 0 },
            { "number = 0", i => i == 0 },
            { "number = 5504", i => i == 5504 },
            { "text like '%7' or list_contains(tags, 'b0')", i => i % 10 == 7 || i % 2 == 0 },
            { "NUMBER % 1000 = 1", i => i % 1000 == 1 },
        };

    [Theory]
    [MemberData(nameof(Conditions))]
    public void The_rows_for_which_the_condition_holds_are_the_samples(string condition, Func<int, bool> holds)
    {
        var selected = CorpusSelector.Select(_manifest, new SelectionOptions { Filter = condition });

        Assert.Equal(Enumerable.Range(0, 5505).Where(holds), SelectedCorpus.Numbers(selected));
        Assert.Equal(selected.SampleCount, selected.RowGroupRows.Sum());
        Assert.Equal(_manifest.RowGroupRows.Count, selected.RowGroupRows.Count);
        Assert.Equal([new SelectionStep($"filter {condition}", selected.SampleCount)], selected.Selection!.Steps);
    }

    [Fact]
    public void Places_are_those_in_the_files()
    {
        var selected = CorpusSelector.Select(_manifest, new SelectionOptions { Filter = "number in (7, 3001, 3006)" });

        Assert.Equal(
            [(_manifest.Files[0].Path, 7L), (_manifest.Files[1].Path, 1L), (_manifest.Files[2].Path, 1L)],
            Enumerable.Range(0, 3).Select(i => selected.Locate(i))
        );
        Assert.Throws<ArgumentOutOfRangeException>(() => selected.Locate(3));
    }

    [Fact]
    public void A_saved_selection_is_loaded_as_it_was_and_its_hash_is_its_own()
    {
        var selected = CorpusSelector.Select(_manifest, new SelectionOptions { Filter = "number > 100" });
        var other = CorpusSelector.Select(_manifest, new SelectionOptions { Filter = "number > 101" });
        selected.Save(_folder.File("manifest.json"));

        var loaded = CorpusManifest.Load(_folder.File("manifest.json"));

        Assert.Equal(selected.Hash, loaded.Hash);
        Assert.Equal(selected.RowGroupRows, loaded.RowGroupRows);
        Assert.Equal(SelectedCorpus.Numbers(selected), SelectedCorpus.Numbers(loaded));
        Assert.Equal(3, new[] { _manifest.Hash, selected.Hash, other.Hash }.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(selected.Hash, CorpusSelector.Select(_manifest, new SelectionOptions { Filter = "not (number <= 100)" }).Hash);
        Assert.Null(selected.DifferenceTo(_manifest));
    }

    [Theory]
    [InlineData("number >= 0")]
    [InlineData(null)]
    public void A_selection_of_all_rows_is_none(string? condition) =>
        Assert.Same(_manifest, CorpusSelector.Select(_manifest, new SelectionOptions { Filter = condition }));

    [Theory]
    [InlineData("clip_scor > 0.28", "clip_scor", "number (BIGINT)", "clip_score (")]
    [InlineData("number >", "cannot be used", "number (BIGINT)", "data.filter")]
    [InlineData("length(image) > 3", "image", "cannot be used", "text (VARCHAR)")]
    [InlineData("number + 1", "has type BIGINT, not BOOLEAN", "data.filter", "number + 1")]
    [InlineData("number > 1; copy (select 1) to 'x'", "contains ;", "data.filter", "single condition")]
    [InlineData("number > 9999", "no row of the corpus is left", "5505 rows", "filter number > 9999: 0 left")]
    public void A_condition_that_does_not_fit_is_answered_with_what_is_there(string condition, params string[] parts)
    {
        var message = Assert
            .Throws<CorpusException>(() => CorpusSelector.Select(_manifest, new SelectionOptions { Filter = condition }))
            .Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("number > (FROM '{0}')")]
    [InlineData("number in (FROM read_csv('{0}'))")]
    [InlineData("text in (TABLE '{0}')")]
    public void No_other_file_can_be_opened_from_a_condition(string condition)
    {
        File.WriteAllText(_folder.File("secret.csv"), "n\n1\n");

        Assert.Throws<CorpusException>(() =>
            CorpusSelector.Select(
                _manifest,
                new SelectionOptions
                {
                    Filter = string.Format(System.Globalization.CultureInfo.InvariantCulture, condition, _folder.File("secret.csv")),
                }
            )
        );
    }

    [Fact]
    public void Failed_downloads_of_img2dataset_are_left_out_and_told()
    {
        var path = TestCorpus.WriteSql(
            _folder,
            "i2d.parquet",
            """
            SELECT CASE WHEN i % 4 = 1 THEN NULL ELSE 'x'::BLOB END AS jpg, 'caption ' || i AS caption, 'http://' || i AS url,
            CASE WHEN i % 4 = 1 THEN 'failed_to_download' ELSE 'success' END AS status, NULL::VARCHAR AS error_message FROM range(20) t(i)
            """
        );

        var selected = CorpusSelector.Select(CorpusManifest.Create([path]), new SelectionOptions());

        Assert.Equal(Enumerable.Range(0, 20).Where(i => i % 4 != 1), SelectedCorpus.Numbers(selected));
        Assert.Equal("downloaded: 15 left", Assert.Single(selected.Selection!.Steps).ToString());
    }

    [Fact]
    public void A_status_column_of_ones_own_means_nothing()
    {
        var manifest = CorpusManifest.Create([
            TestCorpus.WriteSql(_folder, "own.parquet", "SELECT 'x'::BLOB AS image, 'a' AS text, 'draft' AS status"),
        ]);

        Assert.Same(manifest, CorpusSelector.Select(manifest, new SelectionOptions()));
    }
}
