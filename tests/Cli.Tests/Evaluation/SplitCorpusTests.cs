using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Tests;

namespace ClipTrain.Cli.Tests.Evaluation;

/// <summary>Columns and class names of evaluation splits, tested on the files in tests/Cases.</summary>
public sealed class SplitCorpusTests
{
    private static readonly SplitColumns s_unnamed = new(Image: null, Captions: null);
    private readonly List<string> _told = [];

    [Fact]
    public void The_runs_columns_are_used_without_a_message()
    {
        var run = TinyClip.Run() with
        {
            Data = new DataOptions
            {
                Train = ["unused"],
                ImageColumn = "picture",
                CaptionColumn = ["alt"],
            },
        };
        var split = Open(run, "15-eval-columns/val.parquet", s_unnamed, SplitContent.EveryCaption);
        Assert.Equal(("picture", "alt", 24L), (split.Image.Name, split.Caption?.Name, split.RowCount));
        Assert.Empty(_told);
    }

    [Fact]
    public void Columns_of_a_split_override_those_of_the_run()
    {
        var run = TinyClip.Run() with
        {
            Data = new DataOptions
            {
                Train = ["unused"],
                ImageColumn = "image",
                CaptionColumn = ["TEXT"],
            },
        };
        Assert.Equal(
            "text",
            Open(run, "07-case-duplicates/a.parquet", new SplitColumns(Image: null, ["text"]), SplitContent.EveryCaption).Caption?.Name
        );
        Assert.Equal("TEXT", Open(run, "07-case-duplicates/a.parquet", s_unnamed, SplitContent.EveryCaption).Caption?.Name);
        Assert.Empty(_told);
    }

    [Fact]
    public void A_message_names_columns_that_are_not_the_runs_and_choices_among_several()
    {
        var run = TinyClip.Run() with
        {
            Data = new DataOptions
            {
                Train = ["unused"],
                ImageColumn = "picture",
                CaptionColumn = ["alt"],
            },
        };
        Open(run, "14-five-captions", s_unnamed, SplitContent.EveryCaption);
        Open(TinyClip.Run(), "07-case-duplicates/a.parquet", s_unnamed, SplitContent.EveryCaption);
        Assert.Collection(
            _told,
            told =>
                Assert.StartsWith(
                    "Evaluation split seen lacks the run's columns; using image column image, caption column",
                    told,
                    StringComparison.Ordinal
                ),
            told => Assert.Equal("Evaluation split seen: image column image, caption column text (not TEXT)", told)
        );
    }

    [Fact]
    public void Unusual_column_names_are_an_error_that_lists_the_columns()
    {
        var error = Assert.Throws<CorpusException>(() =>
            Open(TinyClip.Run(), "15-eval-columns/val.parquet", s_unnamed, SplitContent.EveryCaption)
        );
        Assert.Contains("picture (BLOB), alt (VARCHAR)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_five_captions_of_an_image_are_evaluated()
    {
        var split = Open(TinyClip.Run(), "14-five-captions", s_unnamed, SplitContent.EveryCaption);
        Assert.Equal(24 * 5, CorpusCaptions.Every(split, keyColumn: null).Sum(row => row.Captions.Count));
    }

    [Fact]
    public void Class_numbers_without_names_are_an_error_unless_the_run_names_them()
    {
        var classes = Open(TinyClip.Run(), "13-classlabel", s_unnamed, SplitContent.Labels);
        var split = new ZeroShotOptions { Name = "animals", Data = ["unused"] };
        var error = Assert.Throws<CorpusException>(() => LabelNames.Of(split, classes));
        Assert.Contains("column label holds numbers (BIGINT)", error.Message, StringComparison.Ordinal);
        Assert.Contains("Set label_names", error.Message, StringComparison.Ordinal);

        var named = split with { LabelNames = ["cat", "dog", "ship"] };
        var names = LabelNames.Of(named, classes);
        Assert.Equal("dog", LabelNames.Name(named, names, "1"));
        Assert.Contains(
            "out of range for 3 class names",
            Assert.Throws<CorpusException>(() => LabelNames.Name(named, names, "3")).Message,
            StringComparison.Ordinal
        );
    }

    private CorpusManifest Open(RunOptions run, string name, SplitColumns columns, SplitContent content) =>
        new SplitCorpus(run, _told.Add).Open("seen", [Path.Combine(AppContext.BaseDirectory, "Cases", name)], columns, content);
}
