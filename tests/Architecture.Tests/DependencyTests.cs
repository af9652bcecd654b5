namespace ClipTrain.Architecture.Tests;

/// <summary>References point one way: between the projects of src, and between the folders of each project.</summary>
public sealed class DependencyTests
{
    public static TheoryData<string> Projects => [.. SourceTree.Projects()];

    [Fact]
    public void No_project_refers_to_itself_through_others()
    {
        var graph = new DependencyGraph();
        foreach (var project in SourceTree.Projects())
        {
            foreach (var reference in SourceTree.ReferencesOf(project))
            {
                graph.Add(project, reference, $"{project}.csproj");
            }
        }

        Assert.True(graph.DescribeCycles() is null, graph.DescribeCycles());
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void No_folder_of_a_project_refers_to_itself_through_others(string project)
    {
        var graph = SourceTree.FoldersOf(project);
        Assert.True(graph.DescribeCycles() is null, graph.DescribeCycles());
    }

    [Fact]
    public void A_cycle_is_described_by_its_edges_and_their_files()
    {
        var graph = new DependencyGraph();
        graph.Add("Protocol", "State", "NodeMessages.cs");
        graph.Add("State", "Protocol", "Member.cs");
        graph.Add("State", "Protocol", "RunState.cs");
        graph.Add("Rules", "State", "Leases.cs");
        Assert.Equal(
            "Cycle of Protocol, State:\n  Protocol → State in NodeMessages.cs\n  State → Protocol in Member.cs, RunState.cs",
            graph.DescribeCycles()
        );
    }

    [Fact]
    public void References_that_lead_nowhere_back_are_no_cycle()
    {
        var graph = new DependencyGraph();
        graph.Add("Grains", "Rules", "RunGrain.cs");
        graph.Add("Grains", "State", "RunGrain.cs");
        graph.Add("Rules", "State", "Leases.cs");
        Assert.Null(graph.DescribeCycles());
    }

    [Theory]
    [InlineData("using static ClipTrain.A.Inner.Thing;\n", true)]
    [InlineData("using Name = ClipTrain.A.Inner.Thing;\n", true)]
    [InlineData("class C { Inner.Thing _thing; }\n", true)]
    [InlineData("/// <see cref=\"Inner.Thing\"/>\n", false)]
    [InlineData("class C { string s = \"Inner.Thing\"; }\n", false)]
    public void Only_code_refers_to_other_folders(string text, bool refers) =>
        Assert.Equal(refers, SourceTree.NamespacesIn(text, [("ClipTrain.A.Inner", "Thing")], "ClipTrain.A").Any());
}
