using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Audit;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Evaluation.Report;
using ClipTrain.Evaluation.Robustness;
using ClipTrain.Evaluation.Suites;

namespace ClipTrain.Evaluation.Tests;

public sealed class SuiteTests : IDisposable
{
    private const string ClassLabels =
        """{"info":{"features":{"image":{"_type":"Image"},"label":{"names":["red","green","blue"],"_type":"ClassLabel"}}}}""";

    private readonly SetFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Class_names_come_from_Hugging_Faces_metadata()
    {
        var result = Run(Set(_folder.Parquet("a.parquet", 12, i => $"{i % 3}", ClassLabels)));
        Assert.Equal((1.0, 12L), Figure(result, "zero_shot", "top1"));
    }

    [Fact]
    public void Class_names_come_from_a_README_beside_the_files()
    {
        File.WriteAllText(
            _folder.Place("README.md"),
            "---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n      class_label:\n       "
                + " names:\n          '0': red\n          '1': green\n          '2': blue\n---\n# A set\n"
        );
        Assert.Equal((1.0, 9L), Figure(Run(Set(_folder.Parquet("a.parquet", 9, i => $"{i % 3}"))), "zero_shot", "top1"));
    }

    [Fact]
    public void Folders_are_classes_and_a_list_names_folders_that_are_codes()
    {
        Assert.Equal((1.0, 12L), Figure(Run(Set(_folder.Folders("named", "red", "green", "blue"))), "zero_shot", "top1"));
        var codes = Set(_folder.Folders("codes", "n01", "n02", "n03")) with { Classes = ["red", "green", "blue"] };
        Assert.Equal((1.0, 12L), Figure(Run(codes), "zero_shot", "top1"));
    }

    [Fact]
    public void CLIP_benchmarks_folders_bring_names_and_templates() =>
        Assert.Equal((1.0, 12L), Figure(Run(Set(_folder.Webdataset("wds"))), "zero_shot", "top1"));

    [Fact]
    public void A_CSV_file_names_images_labels_and_groups()
    {
        var set = Set(
            _folder.Csv(
                "set.csv",
                "path,label,caption,region\nred.png,red,so red,a\ngreen.png,green,so green,a\nblue.png,green,so blue,b\n"
            )
        ) with
        {
            GroupColumn = "region",
        };
        var result = Run(set);
        Assert.Equal((2 / 3.0, 3L), Figure(result, "zero_shot", "top1"));
        Assert.Equal((0.0, 1L), Figure(result, "zero_shot", "worst_group"));
        Assert.Equal((1.0, 3L), Figure(result, "retrieval image_to_text", "r1"));
    }

    [Fact]
    public void A_folder_with_a_metadata_table_is_read_as_Hugging_Faces_imagefolder()
    {
        _folder.Csv(
            "metadata.csv",
            "path,file_name,label,text\nx,red.png,red,so red\nx,green.png,green,so green\nx,blue.png,blue,so blue\n"
        );
        var result = Run(Set(_folder.Path));
        Assert.Equal((1.0, 3L), Figure(result, "zero_shot", "top1"));
        Assert.Equal((1.0, 3L), Figure(result, "retrieval image_to_text", "r1"));
    }

    [Fact]
    public void Rows_of_one_key_are_one_image_with_all_their_captions()
    {
        var set = Set(
            _folder.Csv("set.csv", "path,caption,key\nred.png,a red thing,1\nred.png,red all over,1\ngreen.png,a green thing,2\n")
        ) with
        {
            GroupBy = "key",
        };
        var result = Run(set);
        Assert.Equal((1.0, 2L), Figure(result, "retrieval image_to_text", "r1"));
        Assert.Equal(3L, Figure(result, "retrieval text_to_image", "r1").N);
    }

    [Fact]
    public void An_image_is_embedded_once_for_all_tasks_and_not_again_from_the_cache()
    {
        var set = Set(_folder.Parquet("a.parquet", 90, i => SetFolder.Colours[i % 3])) with
        {
            Train = [_folder.Parquet("train.parquet", 90, i => SetFolder.Colours[i % 3])],
        };
        var model = new ColourModel();
        var suite = new SuiteOptions { Sets = [set], Cache = _folder.Place("features") };
        var first = Run(suite, model);
        Assert.Equal(180, model.Embedded);
        var again = Run(suite, model);
        Assert.Equal(180, model.Embedded);
        Assert.Equal(first.Rows, again.Rows);
        foreach (var (task, metric) in new[] { ("zero_shot", "top1"), ("probe", "top1"), ("knn", "top1"), ("few_shot", "top1_16_shot") })
        {
            Assert.Equal(1, Figure(first, task, metric).Value);
        }
    }

    [Fact]
    public void Every_figure_of_sets_and_shifts_is_known_by_name_before_the_evaluation()
    {
        SetOptions Labelled(string name) =>
            Set(_folder.Parquet($"{name}.parquet", 90, i => SetFolder.Colours[i % 3])) with
            {
                Name = name,
                Train = [_folder.Parquet("train.parquet", 90, i => SetFolder.Colours[i % 3])],
                GroupColumn = "vendor",
                Metric = MainMetric.Map11,
            };
        var suite = new SuiteOptions
        {
            Sets = [Labelled("here"), Labelled("elsewhere")],
            Robustness =
            [
                new()
                {
                    Name = "moved",
                    Reference = "here",
                    Shifted = "elsewhere",
                    Slope = 1,
                    Intercept = 0,
                },
            ],
            Cache = null,
        };
        var rows = Run(suite, new ColourModel()).Rows;
        Assert.Contains(rows, row => row is { Set: "moved", Metric: "accuracy_lost" });
        Assert.Empty(rows.Select(row => row.Name).Except(FigureNames.Of(suite, new DefaultColumns()), StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("readme")]
    [InlineData("clip_benchmark")]
    public void Other_protocols_of_probes_learn_as_well(string protocol)
    {
        var set = Set(_folder.Parquet("a.parquet", 60, i => SetFolder.Colours[i % 3])) with
        {
            Train = [_folder.Parquet("train.parquet", 60, i => SetFolder.Colours[i % 3])],
            Tasks = ["probe"],
        };
        var options = new SuiteOptions
        {
            Sets = [set],
            Cache = null,
            Probe = new() { Protocol = protocol == "readme" ? Probes.ProbeProtocol.Readme : Probes.ProbeProtocol.ClipBenchmark },
        };
        Assert.Equal(1, Figure(Run(options, new ColourModel()), $"probe {protocol}", "top1").Value);
        Assert.Contains($"{set.Name} probe {protocol} top1", FigureNames.Of(options, new DefaultColumns()), StringComparer.Ordinal);
    }

    [Fact]
    public void A_file_that_changes_is_embedded_again()
    {
        var path = _folder.Parquet("a.parquet", 9, i => SetFolder.Colours[i % 3]);
        var model = new ColourModel();
        var suite = new SuiteOptions { Sets = [Set(path)], Cache = _folder.Place("features") };
        Run(suite, model);
        _folder.Parquet("a.parquet", 12, i => SetFolder.Colours[i % 3]);
        Assert.Equal(12, Figure(Run(suite, model), "zero_shot", "top1").N);
        Assert.Equal(21, model.Embedded);
    }

    [Fact]
    public void An_audit_shows_what_another_label_does_to_each_group()
    {
        // The blue image of each group has no label of its own at first.
        var set = Set(_folder.Parquet("a.parquet", 12, _ => null, vendor: i => i < 6 ? "old" : "young")) with
        {
            Attributes = ["vendor"],
            Tasks = ["retrieval"],
        };
        LabelCategoryOptions Category(string name, string label) => new() { Name = name, Labels = [label] };
        var audit = new AuditOptions
        {
            Set = set.Name,
            LabelSets =
            [
                new() { Name = "plain", Categories = [Category("warm", "red"), Category("cold", "green and blue")] },
                new() { Name = "with blue", Categories = [Category("warm", "red"), Category("cold", "green"), Category("sky", "blue")] },
            ],
        };
        var rates = Assert
            .Single(
                Run(
                    new SuiteOptions
                    {
                        Sets = [set],
                        Audits = [audit],
                        Cache = null,
                    },
                    new ColourModel()
                ).Audits
            )
            .Rates;
        double Rate(string design, string category) =>
            rates.First(rate => rate.Design == design && rate.Category == category && rate.Group == "old").Rate;
        Assert.Equal(2 / 3.0, Rate("plain", "cold"), 1e-12);
        Assert.Equal(1 / 3.0, Rate("with blue", "cold"), 1e-12);
    }

    [Fact]
    public void Robustness_has_a_line_from_a_table_and_from_pixels()
    {
        var baselines = _folder.Place("baselines.csv");
        File.WriteAllText(baselines, "model,reference,shifted\na,0.2,0.1\nb,0.5,0.3\nc,0.9,0.7\n");
        SetOptions Named(string name) =>
            Set(_folder.Parquet($"{name}.parquet", 60, i => SetFolder.Colours[i % 3])) with
            {
                Name = name,
                Train = [_folder.Parquet($"{name}-train.parquet", 60, i => SetFolder.Colours[i % 3])],
                Tasks = ["zero_shot", "knn"],
            };
        var shift = new ShiftOptions
        {
            Name = "shift",
            Reference = "one",
            Shifted = "two",
            Baselines = baselines,
        };
        var result = Run(
            new SuiteOptions
            {
                Sets = [Named("one"), Named("two")],
                Robustness = [shift],
                Cache = null,
            },
            new ColourModel()
        );
        Assert.Equal(3, Assert.Single(result.Shifts).Line!.Models.Count);
        Assert.Contains(result.Rows, row => row is { Set: "shift", Task: "zero_shot", Metric: "accuracy_lost", Value: 0 });
    }

    [Fact]
    public void Overlap_finds_copies_and_leaves_other_images()
    {
        ulong[] test = [0b0, 0xFFFF, 0xFF00FF00FF00FF00],
            corpus = [0b11, 0xFFFF0000FFFF0000];
        var result = OverlapEvaluation.Run(
            new OverlapOptions
            {
                Set = "set",
                Corpus = ["x"],
                Threshold = 4,
            },
            new CorpusHashes(corpus, [0, 1]).Nearest(test),
            [true, false, true]
        );
        Assert.Equal([2, 14, 32], result.Nearest.Select(pair => pair.Distance));
        Assert.Equal(1 / 3.0, result.Rows.First(row => row.Metric == "overlap_share").Value, 1e-12);
        Assert.Equal(0.5, result.Rows.First(row => row.Metric == "accuracy_clean").Value);
        Assert.Equal(0.5, result.P!.Value, 1e-12);
    }

    [Fact]
    public void The_report_is_one_page_and_the_results_are_a_list()
    {
        var result = Run(Set(_folder.Parquet("a.parquet", 12, i => SetFolder.Colours[(i + (i < 3 ? 1 : 0)) % 3])));
        ReportPage.Write(_folder.Place("report.html"), result);
        ResultList.Write(_folder.Path, result.Rows);
        var page = File.ReadAllText(_folder.Place("report.html"));
        Assert.Contains("taken for", page, StringComparison.Ordinal);
        Assert.Contains("data:image/jpeg;base64,", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http://", page.Replace("http://www.w3.org", "", StringComparison.Ordinal), StringComparison.Ordinal);
        using var list = JsonDocument.Parse(File.ReadAllText(_folder.Place("results.json")));
        Assert.Equal(
            ["set", "task", "metric", "value", "low", "high", "n", "seed"],
            list.RootElement[0].EnumerateObject().Select(property => property.Name),
            StringComparer.Ordinal
        );
        Assert.Equal(result.Rows.Count + 1, File.ReadAllLines(_folder.Place("results.csv")).Length);
    }

    [Fact]
    public void Numbers_without_names_are_refused_with_what_to_do() =>
        Refused(Set(_folder.Parquet("a.parquet", 6, i => $"{i % 3}")), "holds numbers (for example 0)", "Set classes");

    [Fact]
    public void An_unknown_label_names_its_row() =>
        Refused(
            Set(_folder.Parquet("a.parquet", 6, i => i == 4 ? "pink" : "red")) with
            {
                Classes = ["red", "green"],
            },
            "a.parquet:4",
            "'pink'"
        );

    [Fact]
    public void A_number_beyond_the_names_names_its_row() =>
        Refused(Set(_folder.Parquet("a.parquet", 6, i => i == 5 ? "7" : "0", ClassLabels)), "a.parquet:5", "only 3 class names");

    [Fact]
    public void One_class_only_is_refused() => Refused(Set(_folder.Parquet("a.parquet", 6, _ => "red")), "one class, 'red'");

    [Fact]
    public void A_set_without_rows_is_refused() => Refused(Set(_folder.Parquet("a.parquet", 0, _ => "red")), "'set'");

    [Fact]
    public void An_embedding_that_is_no_number_is_an_error() =>
        Assert.Contains(
            "non-finite embedding",
            Assert
                .Throws<CorpusException>(() =>
                    Run(
                        new SuiteOptions { Sets = [Set(_folder.Parquet("a.parquet", 6, i => SetFolder.Colours[i % 3]))], Cache = null },
                        new ColourModel { GivesNaN = true }
                    )
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void Three_images_are_measured_with_wide_intervals()
    {
        var result = Run(Set(_folder.Parquet("a.parquet", 3, i => SetFolder.Colours[i])));
        var row = result.Rows.First(row => row.Metric == "top1");
        Assert.Equal((1.0, 3L), (row.Value, row.N));
        Assert.True(row.Low < 0.5);
    }

    [Fact]
    public void An_attribute_with_one_value_is_refused()
    {
        var set = Set(_folder.Parquet("a.parquet", 6, i => SetFolder.Colours[i % 3], vendor: _ => "same")) with { Attributes = ["vendor"] };
        var audit = new AuditOptions
        {
            Set = set.Name,
            LabelSets = [new() { Name = "plain", Categories = [new() { Name = "warm", Labels = ["red", "green"] }] }],
        };
        Assert.Contains(
            "only one value, 'same'",
            Assert
                .Throws<CorpusException>(() =>
                    Run(
                        new SuiteOptions
                        {
                            Sets = [set],
                            Audits = [audit],
                            Cache = null,
                        },
                        new ColourModel()
                    )
                )
                .Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Results_read_from_a_file_make_the_same_report_and_analyses()
    {
        var set = Set(_folder.Parquet("a.parquet", 60, i => SetFolder.Colours[i % 3], vendor: i => i < 30 ? "old" : "young")) with
        {
            Train = [_folder.Parquet("train.parquet", 60, i => SetFolder.Colours[i % 3])],
            Tasks = ["zero_shot", "retrieval", "probe", "few_shot", "knn"],
            GroupColumn = "vendor",
        };
        var suite = new SuiteOptions
        {
            Sets = [set],
            Cache = null,
            Robustness =
            [
                new()
                {
                    Name = "shift",
                    Reference = set.Name,
                    Shifted = set.Name,
                    Slope = 1,
                    Intercept = 0,
                },
            ],
        };
        var run = new SuiteRun(new ColourModel(), suite, new DefaultColumns(), new FeatureCache(null), new Silent());
        var whole = run.Run(SuiteScope.All);
        var path = _folder.Place("sets.json");

        SetResultFile.Write(path, run.Run(new SuiteScope()).Sets);
        var combined = run.Combine(SetResultFile.Read(path), SuiteScope.All);

        Assert.NotEmpty(whole.Shifts);
        Assert.Equal(whole.Rows, combined.Rows);
        Assert.Equal(whole.Sets[0].Retrieval!.Ranks.ImageToText.Ranks, combined.Sets[0].Retrieval!.Ranks.ImageToText.Ranks);
        Assert.Equal(Report(whole), Report(combined));

        byte[] Report(SuiteResult result)
        {
            ReportPage.Write(_folder.Place("report.html"), result);
            return File.ReadAllBytes(_folder.Place("report.html"));
        }
    }

    [Fact]
    public void A_missing_column_or_file_is_told_before_anything_is_measured()
    {
        Refused(Set(_folder.Place("nowhere.parquet")), "nowhere.parquet");
        Refused(Set(_folder.Parquet("a.parquet", 3, i => SetFolder.Colours[i])) with { GroupColumn = "region" }, "no column 'region'");
    }

    private static SetOptions Set(string path) =>
        new()
        {
            Name = "set",
            Data = [path],
            Templates = ["a {} picture"],
        };

    private static SuiteResult Run(SetOptions set) => Run(new SuiteOptions { Sets = [set], Cache = null }, new ColourModel());

    private static SuiteResult Run(SuiteOptions suite, ColourModel model)
    {
        SuiteRun.Check(suite, new DefaultColumns());
        return new SuiteRun(model, suite, new DefaultColumns(), new FeatureCache(suite.Cache), new Silent()).Run(SuiteScope.All);
    }

    private static void Refused(SetOptions set, params string[] words)
    {
        var message = Assert.Throws<CorpusException>(() => Run(set)).Message;
        Assert.All(words, word => Assert.Contains(word, message, StringComparison.Ordinal));
    }

    private static (double Value, long N) Figure(SuiteResult result, string task, string metric) =>
        result.Rows.First(row => row.Task == task && row.Metric == metric) is var row ? (row.Value, row.N) : default;

    private sealed class Silent : ISuiteObserver
    {
        public void Embedded(string set, long done, long? total) { }

        public void Cached(string set, int images) { }

        public void LeftOut(string set, string key, string reason) { }

        public void Begins(string set, SetTask task) { }
    }
}
