using System.Globalization;
using ClipTrain.Trainer.Config;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Consistency of the objects in kubernetes.yaml with each other and with the program.</summary>
public sealed class KubernetesTests
{
    private readonly List<YamlNode> _objects = Parse();

    public static TheoryData<string> Jobs => ["cliptrain-coordinator", "cliptrain-worker"];

    [Fact]
    public void The_run_file_is_valid_and_counts_the_workers_as_the_job_does()
    {
        var cluster = RunConfig.Parse("run.yaml", Text(Object("ConfigMap", "cliptrain-run"), "data", "run.yaml")).Options.Cluster;
        var workers = Object("Job", "cliptrain-worker");
        Assert.Equal(cluster.Workers, int.Parse(Text(workers, "spec", "parallelism"), CultureInfo.InvariantCulture));
        Assert.Equal(cluster.Workers, int.Parse(Text(workers, "spec", "completions"), CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Workers_find_the_coordinator_by_its_service()
    {
        var service = Object("Service", "cliptrain-coordinator");
        var container = Container("cliptrain-coordinator");
        var port = Items(container, "ports")[0];
        var health = Items(container, "ports")[1];
        Assert.Equal(Text(port, "name"), Text(Items(service, "spec", "ports")[0], "targetPort"));
        Assert.Equal(Text(health, "name"), Text(container, "readinessProbe", "httpGet", "port"));
        Assert.Contains($"0.0.0.0:{Text(health, "containerPort")}", Arguments("cliptrain-coordinator"), StringComparer.Ordinal);
        Assert.Contains($"0.0.0.0:{Text(port, "containerPort")}", Arguments("cliptrain-coordinator"), StringComparer.Ordinal);
        Assert.Contains(
            $"cliptrain-coordinator:{Text(Items(service, "spec", "ports")[0], "port")}",
            Arguments("cliptrain-worker"),
            StringComparer.Ordinal
        );
        Assert.Equal(
            Map(service, "spec", "selector"),
            Map(Object("Job", "cliptrain-coordinator"), "spec", "template", "metadata", "labels")
        );
    }

    [Theory]
    [MemberData(nameof(Jobs))]
    public void Volumes_refer_to_existing_objects_and_files_lie_on_volumes(string job)
    {
        var volumes = Items(Object("Job", job), "spec", "template", "spec", "volumes")
            .ToDictionary(volume => Text(volume, "name"), StringComparer.Ordinal);
        var mounts = Items(Container(job), "volumeMounts");
        Assert.Equal(volumes.Keys.Order(StringComparer.Ordinal), mounts.Select(mount => Text(mount, "name")).Order(StringComparer.Ordinal));
        foreach (var volume in volumes.Values.Cast<YamlMappingNode>())
        {
            var source = volume.Children.Single(child => child.Key.ToString() != "name");
            _ = source.Key.ToString() switch
            {
                "persistentVolumeClaim" => Object("PersistentVolumeClaim", Text(source.Value, "claimName")),
                "configMap" => Object("ConfigMap", Text(source.Value, "name")),
                "secret" => Object("Secret", Text(source.Value, "secretName")),
                var other => throw new InvalidOperationException($"An unknown volume: {other}."),
            };
        }

        foreach (var path in Arguments(job).Append(Text(Container(job), "workingDir")).Where(argument => argument.StartsWith('/')))
        {
            Assert.Contains(
                mounts,
                mount => path == Text(mount, "mountPath") || path.StartsWith($"{Text(mount, "mountPath")}/", StringComparison.Ordinal)
            );
        }
    }

    [Theory]
    [MemberData(nameof(Jobs))]
    public void The_program_has_the_command_and_its_options(string job)
    {
        var arguments = Arguments(job);
        using var corpus = new TinyCorpus();
        var (_, help) = ProgramRun.Finish(corpus.Folder, arguments[0], "--help");
        Assert.All(
            arguments.Where(argument => argument.StartsWith("--", StringComparison.Ordinal)),
            option => Assert.Contains($"{option} ", help, StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Only_the_runs_own_pods_may_reach_its_pods()
    {
        var policy = Object("NetworkPolicy", "cliptrain");
        var labels = Map(policy, "spec", "podSelector", "matchLabels");
        Assert.Equal(labels, Map(Items(Items(policy, "spec", "ingress")[0], "from")[0], "podSelector", "matchLabels"));
        foreach (var job in Jobs)
        {
            Assert.Superset(labels.ToHashSet(), Map(Object("Job", job), "spec", "template", "metadata", "labels").ToHashSet());
        }
    }

    private static List<YamlNode> Parse()
    {
        var stream = new YamlStream();
        using var reader = new StreamReader(Repository.ClusterScript("kubernetes.yaml"));
        stream.Load(reader);
        return [.. stream.Documents.Select(document => document.RootNode)];
    }

    private static YamlNode At(YamlNode node, string[] path) => path.Aggregate(node, (at, key) => at[key]);

    private static string Text(YamlNode node, params string[] path) => At(node, path).ToString();

    private static IList<YamlNode> Items(YamlNode node, params string[] path) => ((YamlSequenceNode)At(node, path)).Children;

    private static SortedDictionary<string, string> Map(YamlNode node, params string[] path) =>
        new(
            ((YamlMappingNode)At(node, path)).Children.ToDictionary(
                child => child.Key.ToString(),
                child => child.Value.ToString(),
                StringComparer.Ordinal
            ),
            StringComparer.Ordinal
        );

    private YamlNode Object(string kind, string name) =>
        Assert.Single(_objects, it => Text(it, "kind") == kind && Text(it, "metadata", "name") == name);

    private YamlNode Container(string job) => Assert.Single(Items(Object("Job", job), "spec", "template", "spec", "containers"));

    private string[] Arguments(string job) => [.. Items(Container(job), "args").Select(argument => argument.ToString())];
}
