from tests.kind.host import CAP_SYS_RESOURCE, capability_missing
from tests.kind.leftovers import container_of
from tests.kind.network import removals

ID = "3f" * 32


def test_a_missing_capability_is_seen_in_the_bounding_set() -> None:
    assert capability_missing("Name:\tsh\nCapBnd:\t000001fffeffffff\n", CAP_SYS_RESOURCE)


def test_a_full_bounding_set_lacks_nothing() -> None:
    assert not capability_missing("Name:\tsh\nCapBnd:\t000001ffffffffff\n", CAP_SYS_RESOURCE)


def test_a_process_deep_in_a_node_belongs_to_the_nodes_container() -> None:
    assert container_of(f"5:memory:/docker/{ID}/kubelet.slice/kubepods/pod1/abc\n") == ID


def test_a_process_of_the_host_belongs_to_no_container() -> None:
    assert container_of("5:memory:/user.slice\n0::/system.slice/docker.service\n") is None


LISTING = """-P FORWARD DROP
-N DOCKER
-N DOCKER-USER
-N MINE
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -j MINE
-A DOCKER-USER -j RETURN
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A FORWARD -i br-79e1dbd34f7e ! -o br-79e1dbd34f7e -j ACCEPT
-A FORWARD -i br-lan -j ACCEPT
"""


def test_dockers_rules_and_chains_are_removed_rules_first() -> None:
    commands = [" ".join(words) for words in removals(LISTING)]
    assert commands == [
        "-D FORWARD -j DOCKER-USER",
        "-D FORWARD -o docker0 -j DOCKER",
        "-D FORWARD -i docker0 ! -o docker0 -j ACCEPT",
        "-D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-D FORWARD -i br-79e1dbd34f7e ! -o br-79e1dbd34f7e -j ACCEPT",
        "-F DOCKER",
        "-F DOCKER-USER",
        "-X DOCKER",
        "-X DOCKER-USER",
    ]


def test_rules_of_others_stay() -> None:
    assert not any("MINE" in words or "br-lan" in words for words in removals(LISTING))
